//! What a tenant asks of its usage.

use gateway_proto::{ApiError, Timestamp};
use gateway_storage::{Tenant, UsageBucket, UsageRange, UsageTotals};

use crate::api_errors;
use crate::budget::Period;
use crate::shared::Shared;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// The most rows of an answer.
const MAX_ROWS: usize = 10_000;
/// The most days times models that months are put together of.
const MAX_DAYS: u32 = 100_000;
/// No time that is asked for is later: 9999-12-31, the last day that RFC 3339 can spell.
const END_OF_TIME: i64 = 253_402_214_400_000;

/// How long a bucket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// An hour.
    Hour,
    /// A day, in UTC.
    Day,
    /// A month, in UTC.
    Month,
}

/// Which usage is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// From the bucket with this time on; none: from the begin of this month.
    pub from: Option<Timestamp>,
    /// Up to the bucket with this time, which is left out where it begins just then; none: until now.
    pub to: Option<Timestamp>,
    /// How long a bucket is.
    pub granularity: Granularity,
}

/// What a tenant used.
#[derive(Clone, Debug)]
pub struct Report {
    /// When the first bucket may begin.
    pub from: i64,
    /// Before this time every bucket begins.
    pub to: i64,
    /// By time, then by model; without those in which nothing was used.
    pub buckets: Vec<UsageBucket>,
}

/// What this tenant used.
pub async fn report(shared: &Shared, tenant: &Tenant, question: Question) -> Result<Report, ApiError> {
    let now = shared.accounts().clock.now();
    let (from, to) = range(question, now)?;
    let (bucket, limit) = match question.granularity {
        Granularity::Hour => (HOUR, MAX_ROWS as u32 + 1),
        Granularity::Day => (DAY, MAX_ROWS as u32 + 1),
        Granularity::Month => (DAY, MAX_DAYS + 1),
    };
    let range = UsageRange { from, to, bucket, limit };
    let found = shared.store().usage(tenant, range).await.map_err(api_errors::from_store)?;
    let is_cut = found.len() == limit as usize;
    let buckets = if question.granularity == Granularity::Month { months(found) } else { found };
    if is_cut || buckets.len() > MAX_ROWS {
        let message = format!("There are more than {MAX_ROWS} rows; ask for a shorter time or for longer buckets.");
        return Err(ApiError::invalid_field("query.from", message));
    }
    Ok(Report { from, to, buckets })
}

/// Which time is asked for, in whole buckets.
fn range(question: Question, now: i64) -> Result<(i64, i64), ApiError> {
    let of = |time: Timestamp, param: &str| {
        let milliseconds =
            time.seconds.checked_mul(1000).and_then(|at| at.checked_add(i64::from(time.nanos) / 1_000_000));
        let milliseconds = milliseconds.filter(|at| (0..END_OF_TIME).contains(at));
        milliseconds.ok_or_else(|| ApiError::invalid_field(param, format!("'{param}' must be a time from 1970 on.")))
    };
    let bucket = |at: i64| match question.granularity {
        Granularity::Hour => (at - at % HOUR, at - at % HOUR + HOUR),
        Granularity::Day => Period::Day.window(at),
        Granularity::Month => Period::Month.window(at),
    };
    let from = match question.from {
        Some(from) => bucket(of(from, "query.from")?).0,
        None => bucket(Period::Month.window(now).0).0,
    };
    let to = match question.to {
        None => bucket(now).1,
        Some(to) => {
            let to = of(to, "query.to")?;
            let (begin, end) = bucket(to);
            if begin == to { to } else { end }
        }
    };
    if from >= to {
        return Err(ApiError::invalid_field("query.from", "'query.from' must be earlier than 'query.to'."));
    }
    Ok((from, to))
}

/// Days as months; they come in order.
fn months(days: Vec<UsageBucket>) -> Vec<UsageBucket> {
    let mut months: std::collections::BTreeMap<(i64, String), UsageTotals> = std::collections::BTreeMap::new();
    for day in days {
        months.entry((Period::Month.window(day.starts_at).0, day.model)).or_default().add(&day.totals);
    }
    months.into_iter().map(|((starts_at, model), totals)| UsageBucket { starts_at, model, totals }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-26T16:20:25Z
    const NOW: i64 = 1_795_710_025_000;
    const TODAY: i64 = 1_795_651_200_000;
    const MONTH: i64 = 1_793_491_200_000;

    fn asked(from: Option<i64>, to: Option<i64>, granularity: Granularity) -> Result<(i64, i64), String> {
        let time = |at: i64| Timestamp { seconds: at / 1000, nanos: 0 };
        let question = Question { from: from.map(time), to: to.map(time), granularity };
        range(question, NOW).map_err(|error| error.param().unwrap_or_default().to_owned())
    }

    #[test]
    fn the_time_is_that_of_whole_buckets() {
        use Granularity::{Day, Hour, Month};
        assert_eq!(asked(None, None, Day), Ok((MONTH, TODAY + DAY)));
        assert_eq!(asked(None, None, Hour).unwrap().1, TODAY + 17 * HOUR);
        assert_eq!(asked(Some(NOW), Some(NOW + 1000), Hour), Ok((TODAY + 16 * HOUR, TODAY + 17 * HOUR)));
        assert_eq!(asked(Some(TODAY), Some(TODAY + DAY), Day), Ok((TODAY, TODAY + DAY)));
        assert_eq!(asked(Some(NOW), None, Month), Ok((MONTH, MONTH + 30 * DAY)));
    }

    #[test]
    fn a_time_that_is_none_is_refused() {
        use Granularity::Day;
        assert_eq!(asked(Some(NOW), Some(MONTH), Day), Err("query.from".to_owned()));
        assert_eq!(asked(Some(TODAY), Some(TODAY), Day), Err("query.from".to_owned()));
        assert_eq!(asked(Some(-1000), None, Day), Err("query.from".to_owned()));
        assert_eq!(asked(None, Some(END_OF_TIME), Day), Err("query.to".to_owned()));
    }

    #[test]
    fn days_become_months() {
        let day = |at: i64, model: &str| UsageBucket {
            starts_at: at,
            model: model.to_owned(),
            totals: UsageTotals { requests: 1, ..UsageTotals::default() },
        };
        let found = months(vec![day(MONTH, "a"), day(MONTH, "b"), day(TODAY, "a"), day(TODAY + 30 * DAY, "a")]);
        let found: Vec<_> = found.iter().map(|row| (row.starts_at, row.model.as_str(), row.totals.requests)).collect();
        assert_eq!(found, [(MONTH, "a", 2), (MONTH, "b", 1), (MONTH + 30 * DAY, "a", 1)]);
    }
}
