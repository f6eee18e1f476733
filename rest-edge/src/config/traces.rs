//! Settings of traces, by the names that OpenTelemetry gives them. Core and edge have the same file.

use std::convert::Infallible;
use std::str::FromStr;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};

/// Settings of traces.
#[derive(Clone, Debug, clap::Args)]
pub struct TraceSettings {
    /// The OpenTelemetry collector that traces are sent to by gRPC, as in http://localhost:4317. Default: none, and no
    /// traces are kept.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", value_parser = endpoint)]
    pub otel_exporter_otlp_endpoint: Option<Uri>,
    /// The same for traces alone, which wins.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", value_parser = endpoint)]
    pub otel_exporter_otlp_traces_endpoint: Option<Uri>,
    /// How the collector is spoken to.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", default_value = "grpc")]
    pub otel_exporter_otlp_protocol: Protocol,
    /// Metadata that the collector wants, as in api-key=secret,other=value.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS")]
    pub otel_exporter_otlp_headers: Option<CollectorHeaders>,
    /// The name of this service in traces. Default: the name of the program.
    #[arg(long, env = "OTEL_SERVICE_NAME")]
    pub otel_service_name: Option<String>,
    /// More about this process in traces, as in deployment.environment.name=staging,service.namespace=chat.
    #[arg(long, env = "OTEL_RESOURCE_ATTRIBUTES", value_parser = pair, value_delimiter = ',')]
    pub otel_resource_attributes: Vec<(String, String)>,
    /// Which traces are kept. Those that begin with parentbased follow the caller's choice where it made one.
    #[arg(long, env = "OTEL_TRACES_SAMPLER", default_value = "parentbased_always_on")]
    pub otel_traces_sampler: SamplerName,
    /// The share of traces that a sampler of a ratio keeps, from 0 to 1.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value = "1", value_parser = ratio)]
    pub otel_traces_sampler_arg: f64,
}

/// How a collector is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Protocol {
    /// Protobuf over gRPC.
    Grpc,
}

/// Which traces are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum SamplerName {
    /// All.
    AlwaysOn,
    /// None.
    AlwaysOff,
    /// A share of them.
    #[value(name = "traceidratio")]
    TraceIdRatio,
    /// Those that the caller keeps; all where it made no choice.
    #[value(name = "parentbased_always_on")]
    ParentBasedAlwaysOn,
    /// Those that the caller keeps; none where it made no choice.
    #[value(name = "parentbased_always_off")]
    ParentBasedAlwaysOff,
    /// Those that the caller keeps; a share where it made no choice.
    #[value(name = "parentbased_traceidratio")]
    ParentBasedTraceIdRatio,
}

/// Metadata that the collector wants, among which may be a key: it is never shown, whether it can be read or not.
#[derive(Clone)]
pub struct CollectorHeaders(Option<HeaderMap>);

impl FromStr for CollectorHeaders {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let read = |part: &str| {
            let (name, value) = pair(part).ok()?;
            let mut value = HeaderValue::from_str(&value).ok()?;
            value.set_sensitive(true);
            Some((HeaderName::from_str(&name).ok()?, value))
        };
        Ok(Self(text.split(',').map(read).collect()))
    }
}

impl std::fmt::Debug for CollectorHeaders {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CollectorHeaders")
    }
}

impl TraceSettings {
    /// Where the collector is, if there is one.
    #[must_use]
    pub fn endpoint(&self) -> Option<&Uri> {
        self.otel_exporter_otlp_traces_endpoint.as_ref().or(self.otel_exporter_otlp_endpoint.as_ref())
    }

    /// The metadata that the collector wants, or what is wrong with it, which does not tell what it is.
    pub fn headers(&self) -> Result<HeaderMap, &'static str> {
        match &self.otel_exporter_otlp_headers {
            None => Ok(HeaderMap::new()),
            Some(CollectorHeaders(Some(headers))) => Ok(headers.clone()),
            Some(CollectorHeaders(None)) => {
                Err("OTEL_EXPORTER_OTLP_HEADERS: must be names and values, as in api-key=secret,other=value")
            }
        }
    }
}

fn endpoint(text: &str) -> Result<Uri, String> {
    let address = text.parse::<Uri>().ok().filter(|address| {
        let has_no_path = address.path_and_query().is_none_or(|path| path == "/");
        matches!(address.scheme_str(), Some("http" | "https")) && address.host().is_some() && has_no_path
    });
    address.ok_or_else(|| "must be an address without a path, as in http://localhost:4317".to_owned())
}

/// `name=value`, of which the value may be written as in a URL.
fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').map(|(name, value)| (name.trim(), value.trim()));
    let pair = pair.filter(|(name, _)| !name.is_empty());
    let decoded = pair.and_then(|(name, value)| Some((name.to_owned(), percent_decoded(value)?)));
    decoded.ok_or_else(|| "must be names and values, as in service.namespace=chat".to_owned())
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut pieces = text.split('%');
    let mut bytes = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let (digits, rest) = piece.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| "must be a number from 0 to 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_without_a_path() {
        for good in ["http://localhost:4317", "https://collector.example.com", "http://[::1]:4317/"] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for bad in ["", "localhost:4317", "http://h:4318/v1/traces", "ftp://h", "http://"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn pairs_are_decoded() {
        assert_eq!(pair(" a = b%2Cc "), Ok(("a".to_owned(), "b,c".to_owned())));
        for bad in ["a", "=b", "a=%2", "a=%zz", "a=%ff"] {
            assert!(pair(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn headers_are_never_shown() {
        let Ok(headers) = "api-key=secret".parse::<CollectorHeaders>();
        assert!(!format!("{headers:?} {:?}", headers.0).contains("secret"));
        let Ok(bad) = "secret".parse::<CollectorHeaders>();
        assert!(bad.0.is_none());
    }
}
