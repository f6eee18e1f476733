//! What was used: journals folded in, and what a tenant reads of it.

use sqlx::Row;

use super::{Connection, budgets, count};
use crate::identity::Tenant;
use crate::ids::ProcessId;
use crate::usage::{UsageBatch, UsageBucket, UsageHour, UsageRange, UsageTotals};

/// Folds records in that follow those which are in already. Returns up to which record the journal is folded in.
pub(super) async fn fold(
    connection: &mut Connection,
    process: ProcessId,
    batch: &UsageBatch,
) -> Result<u64, sqlx::Error> {
    const BEGIN: &str = concat!(
        "INSERT INTO usage_journals (process, folded, folded_at) VALUES ($1, 0, ",
        now!(),
        ") ON CONFLICT (process) DO NOTHING"
    );
    // The condition makes it happen once. A journal that is ahead of the database (which was restored, say) goes on.
    const ADVANCE: &str =
        concat!("UPDATE usage_journals SET folded = $3, folded_at = ", now!(), " WHERE process = $1 AND folded <= $2");
    const FOLDED: &str = "SELECT folded FROM usage_journals WHERE process = $1";
    sqlx::query(BEGIN).bind(process.0).execute(&mut *connection).await?;
    let query = sqlx::query(ADVANCE).bind(process.0).bind(signed(batch.after)).bind(signed(batch.through));
    if query.execute(&mut *connection).await?.rows_affected() == 0 {
        let row = sqlx::query(FOLDED).bind(process.0).fetch_one(connection).await?;
        return Ok(count(row.try_get(0)?));
    }
    for hour in &batch.hours {
        add(connection, hour).await?;
    }
    for (window, amount) in &batch.settled {
        budgets::lengthen_lease(connection, process, window, -amount).await?;
    }
    Ok(batch.through)
}

async fn add(connection: &mut Connection, hour: &UsageHour) -> Result<(), sqlx::Error> {
    const ADD: &str = "INSERT INTO usage_hours (tenant, hour, model, requests, estimated_requests, priced_requests, \
        prompt_tokens, cached_prompt_tokens, completion_tokens, cost_nano_usd) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (tenant, hour, model) DO UPDATE SET \
        requests = usage_hours.requests + excluded.requests, \
        estimated_requests = usage_hours.estimated_requests + excluded.estimated_requests, \
        priced_requests = usage_hours.priced_requests + excluded.priced_requests, \
        prompt_tokens = usage_hours.prompt_tokens + excluded.prompt_tokens, \
        cached_prompt_tokens = usage_hours.cached_prompt_tokens + excluded.cached_prompt_tokens, \
        completion_tokens = usage_hours.completion_tokens + excluded.completion_tokens, \
        cost_nano_usd = usage_hours.cost_nano_usd + excluded.cost_nano_usd";
    let totals = &hour.totals;
    let query = sqlx::query(ADD).bind(hour.tenant.name()).bind(hour.hour).bind(&*hour.model);
    let query = query.bind(signed(totals.requests)).bind(signed(totals.estimated_requests));
    let query = query.bind(signed(totals.priced_requests)).bind(signed(totals.prompt_tokens));
    let query = query.bind(signed(totals.cached_prompt_tokens)).bind(signed(totals.completion_tokens));
    query.bind(signed(totals.cost_nano_usd)).execute(connection).await.map(drop)
}

/// What a tenant used, by bucket of time and by model.
pub(super) async fn read(
    connection: &mut Connection,
    tenant: &Tenant,
    range: UsageRange,
) -> Result<Vec<UsageBucket>, sqlx::Error> {
    const READ: &str = "SELECT hour - hour % $4, model, CAST(SUM(requests) AS BIGINT), \
        CAST(SUM(estimated_requests) AS BIGINT), CAST(SUM(priced_requests) AS BIGINT), \
        CAST(SUM(prompt_tokens) AS BIGINT), CAST(SUM(cached_prompt_tokens) AS BIGINT), \
        CAST(SUM(completion_tokens) AS BIGINT), CAST(SUM(cost_nano_usd) AS BIGINT) \
        FROM usage_hours WHERE tenant = $1 AND hour >= $2 AND hour < $3 GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $5";
    let query = sqlx::query(READ).bind(tenant.name()).bind(range.from).bind(range.to).bind(range.bucket);
    let rows = query.bind(i64::from(range.limit)).fetch_all(connection).await?;
    let bucket = |row: &super::Row| {
        let sum = |column: usize| row.try_get(column).map(count::<u64>);
        Ok(UsageBucket {
            starts_at: row.try_get(0)?,
            model: row.try_get(1)?,
            totals: UsageTotals {
                requests: sum(2)?,
                estimated_requests: sum(3)?,
                priced_requests: sum(4)?,
                prompt_tokens: sum(5)?,
                cached_prompt_tokens: sum(6)?,
                completion_tokens: sum(7)?,
                cost_nano_usd: sum(8)?,
            },
        })
    };
    rows.iter().map(bucket).collect()
}

/// A count as the databases know it.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
