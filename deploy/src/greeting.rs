//! What a newcomer sees first.

use secrecy::{ExposeSecret, SecretString};

/// The most aliases that are listed.
const MAX_ALIASES: usize = 5;

/// Where the gateway is, and how to try it.
pub(crate) struct Greeting {
    pub(crate) http_url: String,
    pub(crate) grpc_address: String,
    pub(crate) metrics_url: String,
    /// None when only the operator's token file knows.
    pub(crate) token: Option<SecretString>,
}

impl Greeting {
    /// Prints it, with the models on offer.
    #[expect(clippy::print_stdout, reason = "the greeting is what this program says to a person")]
    pub(crate) fn print(&self, aliases: &[String]) {
        println!("{}", self.text(aliases));
    }

    fn text(&self, aliases: &[String]) -> String {
        let Self { http_url, grpc_address, metrics_url, token } = self;
        let token = token.as_ref().map(ExposeSecret::expose_secret);
        let models = match aliases.len() {
            0 => "none yet: the model server could not be asked; trying again".to_owned(),
            count if count > MAX_ALIASES => {
                format!("{} and {} more", aliases[..MAX_ALIASES].join(", "), count - MAX_ALIASES)
            }
            _ => aliases.join(", "),
        };
        let first = aliases.first().map_or("MODEL", String::as_str);
        // Within single quotes a shell takes everything but a single quote as it is.
        let model = first.replace('\\', "\\\\").replace('"', "\\\"").replace('\'', "'\\''");
        let bearer = token.unwrap_or("TOKEN");
        format!(
            "\nchat gateway {version}\n\n  HTTP     {http_url}\n  gRPC     {grpc_address}\n  metrics  {metrics_url}\n  \
             token    {shown}\n  models   {models}\n\nTry it:\n\n  curl {http_url}/v1/chat/completions -H 'Authorization: \
             Bearer {bearer}' -H 'Content-Type: application/json' -d '{{\"model\":\"{model}\",\"messages\":[{{\"role\":\
             \"user\",\"content\":\"Hello\"}}]}}'\n",
            version = env!("CARGO_PKG_VERSION"),
            shown = token.unwrap_or("as in your token file"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(token: Option<&str>) -> Greeting {
        Greeting {
            http_url: "http://127.0.0.1:8080".to_owned(),
            grpc_address: "127.0.0.1:50051".to_owned(),
            metrics_url: "http://127.0.0.1:9464/metrics".to_owned(),
            token: token.map(Into::into),
        }
    }

    #[test]
    fn the_curl_line_stands_alone_and_holds_the_token() {
        let text = greeting(Some("sk-secret")).text(&["demo".to_owned()]);
        let curl = text.lines().find(|line| line.contains("curl")).unwrap();
        assert!(curl.contains("Bearer sk-secret'") && curl.contains(r#""model":"demo""#) && curl.ends_with("}]}'"));
    }

    #[test]
    fn many_models_are_counted_and_none_is_told() {
        let aliases: Vec<_> = (0..7).map(|number| format!("m{number}")).collect();
        assert!(greeting(None).text(&aliases).contains("m0, m1, m2, m3, m4 and 2 more"));
        assert!(greeting(None).text(&[]).contains("none yet"));
        assert!(greeting(None).text(&["it's".to_owned()]).contains(r#""model":"it'\''s""#));
    }
}
