//! Usage as JSON, and what is asked of it.

use gateway_proto::json::Writer;
use gateway_proto::v1::{GetUsageRequest, GetUsageResponse, UsageBucket, UsageGranularity};
use gateway_proto::{ApiError, Timestamp};
use http::Uri;

use crate::query::{Query, invalid};

/// What a row takes, roughly.
const USUAL_BYTES: usize = 256;

/// What is asked in the query of an address.
pub(crate) fn asked_usage(uri: &Uri) -> Result<GetUsageRequest, ApiError> {
    let query = Query::of(uri);
    let granularity = match query.text("granularity")?.as_deref() {
        None => UsageGranularity::Unspecified,
        Some("hour") => UsageGranularity::Hour,
        Some("day") => UsageGranularity::Day,
        Some("month") => UsageGranularity::Month,
        Some(_) => return Err(invalid("granularity", "must be hour, day or month")),
    };
    Ok(GetUsageRequest { from: time(query, "from")?, to: time(query, "to")?, granularity: granularity.into() })
}

/// A time by RFC 3339, or a day.
fn time(query: Query<'_>, name: &str) -> Result<Option<Timestamp>, ApiError> {
    let Some(text) = query.text(name)? else { return Ok(None) };
    // A plus that was not escaped has become a space.
    let text = text.replace(' ', "+");
    let time = if text.contains(['T', 't']) { text.parse() } else { format!("{text}T00:00:00Z").parse() };
    let is_time = |_| invalid(name, "must be a time as in 2026-11-26T00:00:00Z, or a day as in 2026-11-26");
    time.map(Some).map_err(is_time)
}

/// Usage in full.
pub(crate) fn usage(answer: &GetUsageResponse) -> Vec<u8> {
    let mut writer = Writer::with_capacity(USUAL_BYTES * (1 + answer.items.len()));
    writer.begin_object();
    write_time(&mut writer, "from", answer.from);
    write_time(&mut writer, "to", answer.to);
    let granularity = match answer.granularity() {
        UsageGranularity::Hour => "hour",
        UsageGranularity::Unspecified | UsageGranularity::Day => "day",
        UsageGranularity::Month => "month",
    };
    writer.optional_string("granularity", Some(granularity));
    writer.name("items");
    writer.begin_array();
    answer.items.iter().for_each(|bucket| write_bucket(&mut writer, bucket));
    writer.end_array();
    writer.end_object();
    writer.finish()
}

fn write_bucket(writer: &mut Writer, bucket: &UsageBucket) {
    writer.begin_object();
    write_time(writer, "starts_at", bucket.starts_at);
    writer.optional_string("model", Some(&bucket.model));
    for (name, count) in [
        ("requests", bucket.requests),
        ("estimated_requests", bucket.estimated_requests),
        ("prompt_tokens", bucket.prompt_tokens),
        ("cached_prompt_tokens", bucket.cached_prompt_tokens),
        ("completion_tokens", bucket.completion_tokens),
    ] {
        writer.name(name);
        // A number, unlike protobuf's own JSON of it: no count comes near those that a double cannot hold.
        writer.raw(count.to_string().as_bytes());
    }
    writer.name("cost_usd");
    // A decimal number is a JSON number, and exact as it is written.
    writer.raw(bucket.cost_usd.as_deref().unwrap_or("null").as_bytes());
    writer.name("priced_requests");
    writer.raw(bucket.priced_requests.to_string().as_bytes());
    writer.end_object();
}

fn write_time(writer: &mut Writer, name: &str, time: Option<Timestamp>) {
    writer.nullable_string(name, time.map(|time| time.to_string()).as_deref());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(query: &str) -> Result<GetUsageRequest, ApiError> {
        asked_usage(&format!("/v1/usage?{query}").parse().unwrap())
    }

    #[test]
    fn times_and_days_are_read() {
        let day = Timestamp { seconds: 1_795_651_200, nanos: 0 };
        for text in ["2026-11-26", "2026-11-26T00:00:00Z", "2026-11-26T01:00:00%2B01:00", "2026-11-26T01:00:00+01:00"] {
            assert_eq!(asked(&format!("from={text}")).unwrap().from, Some(day), "{text}");
        }
        assert_eq!(asked("").unwrap(), GetUsageRequest::default());
        assert_eq!(asked("granularity=month&to=2026-11-26").unwrap().granularity(), UsageGranularity::Month);
        for bad in ["from=", "to=yesterday", "from=2026-13-01", "from=1795651200", "granularity=", "granularity=week"] {
            let error = asked(bad).unwrap_err();
            assert_eq!(error.param().unwrap(), format!("query.{}", bad.split('=').next().unwrap()));
        }
    }

    #[test]
    fn counts_and_costs_are_numbers() {
        let known = UsageBucket {
            model: "demo".to_owned(),
            prompt_tokens: 5_000_000_000,
            cost_usd: Some("0.000000001".to_owned()),
            ..UsageBucket::default()
        };
        let items = vec![known, UsageBucket::default()];
        let text = String::from_utf8(usage(&GetUsageResponse { items, ..GetUsageResponse::default() })).unwrap();
        assert!(
            text.contains(r#""prompt_tokens":5000000000,"#) && text.contains(r#""cost_usd":0.000000001,"#),
            "{text}"
        );
        assert!(text.contains(r#""cost_usd":null"#) && text.contains(r#""granularity":"day""#), "{text}");
    }
}
