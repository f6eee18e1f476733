//! What of the budgets is taken, and who holds it.
//!
//! All that is taken of a window, whether settled or only leased, stands in one row, and every taking is one UPDATE with
//! the limit in its condition: that is what no number of processes can get past. Beside it stands what each process holds
//! unsettled, so that the rest can be given back when it is gone.

use std::time::Duration;

use sqlx::Row;

use super::usage::signed;
use super::{Connection, count, milliseconds};
use crate::identity::Tenant;
use crate::ids::ProcessId;
use crate::usage::{BudgetAsk, BudgetUnit, BudgetWindow};

/// For how long a process is counted after a sign of life; it gives one every ten seconds.
const LIVELY: Duration = Duration::from_secs(30);
/// For how long a window and its leases are kept after its end, for the journals of processes that were down.
const KEPT_WINDOW: Duration = Duration::from_secs(2 * 86_400);
/// For how long a process is remembered that gives no sign of life.
const KEPT_PROCESS: Duration = Duration::from_secs(86_400);
/// For how long it is known how far a journal was folded in. Its file is gone long before.
const KEPT_JOURNAL: Duration = Duration::from_secs(90 * 86_400);

/// Leases some of a window. Returns how much: at least what is needed, or nothing.
pub(super) async fn take(
    connection: &mut Connection,
    process: ProcessId,
    window: &BudgetWindow,
    ask: BudgetAsk,
) -> Result<u64, sqlx::Error> {
    const TAKEN: &str =
        "SELECT taken FROM budget_windows WHERE tenant = $1 AND budget = $2 AND unit = $3 AND starts_at = $4";
    const OPEN: &str = "INSERT INTO budget_windows (tenant, budget, unit, starts_at, ends_at, taken) \
        VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING";
    const TAKE: &str = "UPDATE budget_windows SET taken = taken + $5 \
        WHERE tenant = $1 AND budget = $2 AND unit = $3 AND starts_at = $4 AND taken <= $6 - $5";
    let query = sqlx::query(TAKEN).bind(window.tenant.name()).bind(&*window.budget).bind(window.unit.name());
    let taken: i64 = match query.bind(window.starts_at).fetch_optional(&mut *connection).await? {
        Some(row) => row.try_get(0)?,
        None => {
            let query = sqlx::query(OPEN).bind(window.tenant.name()).bind(&*window.budget).bind(window.unit.name());
            query.bind(window.starts_at).bind(window.ends_at).execute(&mut *connection).await?;
            0
        }
    };
    let remaining = ask.limit.saturating_sub(count(taken));
    if remaining < ask.need {
        return Ok(0);
    }
    let part = ask.parts.map_or(0, |parts| (remaining / u64::from(parts.max(1))).max(1));
    let wanted = part.max(ask.need).min(remaining);
    // What was read may have changed meanwhile; then at least what is needed may still be there.
    for amount in [wanted, ask.need] {
        let query = sqlx::query(TAKE).bind(window.tenant.name()).bind(&*window.budget).bind(window.unit.name());
        let query = query.bind(window.starts_at).bind(signed(amount)).bind(signed(ask.limit));
        if query.execute(&mut *connection).await?.rows_affected() == 1 {
            lengthen_lease(connection, process, window, signed(amount)).await?;
            return Ok(amount);
        }
    }
    Ok(0)
}

/// Gives back what was leased and not used; a negative amount is taken whatever the limit.
pub(super) async fn give_back(
    connection: &mut Connection,
    process: ProcessId,
    amounts: &[(BudgetWindow, i64)],
) -> Result<(), sqlx::Error> {
    for (window, amount) in amounts {
        lower(connection, window, *amount).await?;
        lengthen_lease(connection, process, window, -amount).await?;
    }
    Ok(())
}

/// Gives back all that a process holds.
pub(super) async fn reclaim(connection: &mut Connection, process: ProcessId) -> Result<(), sqlx::Error> {
    const HELD: &str = "DELETE FROM budget_leases WHERE process = $1 \
        RETURNING tenant, budget, unit, starts_at, ends_at, amount";
    const GONE: &str = "DELETE FROM budget_processes WHERE process = $1";
    let rows = sqlx::query(HELD).bind(process.0).fetch_all(&mut *connection).await?;
    let mut held = Vec::new();
    for row in rows {
        let (tenant, budget, unit): (String, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        // A unit that this version does not know belongs to no budget of it.
        let Some(unit) = BudgetUnit::from_name(&unit) else { continue };
        let (starts_at, ends_at) = (row.try_get(3)?, row.try_get(4)?);
        let window = BudgetWindow { tenant: Tenant::new(&tenant), budget: budget.into(), unit, starts_at, ends_at };
        held.push((window, row.try_get::<i64, _>(5)?));
    }
    // In one order, so that two that do this wait for each other only one way.
    held.sort();
    for (window, amount) in held {
        lower(connection, &window, amount).await?;
    }
    sqlx::query(GONE).bind(process.0).execute(connection).await.map(drop)
}

/// Notes that a process lives. Returns how many do.
pub(super) async fn note_process(connection: &mut Connection, process: ProcessId) -> Result<u32, sqlx::Error> {
    const NOTE: &str = concat!(
        "INSERT INTO budget_processes (process, seen_at) VALUES ($1, ",
        now!(),
        ") ON CONFLICT (process) DO UPDATE SET seen_at = excluded.seen_at"
    );
    const LIVE: &str = concat!("SELECT COUNT(*) FROM budget_processes WHERE seen_at > ", now!(), " - $1");
    sqlx::query(NOTE).bind(process.0).execute(&mut *connection).await?;
    let row = sqlx::query(LIVE).bind(milliseconds(LIVELY)).fetch_one(connection).await?;
    Ok(count(row.try_get(0)?))
}

/// Changes what a process holds of a window.
pub(super) async fn lengthen_lease(
    connection: &mut Connection,
    process: ProcessId,
    window: &BudgetWindow,
    amount: i64,
) -> Result<(), sqlx::Error> {
    const LENGTHEN: &str = "INSERT INTO budget_leases (process, tenant, budget, unit, starts_at, ends_at, amount) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (process, tenant, budget, unit, starts_at) \
        DO UPDATE SET amount = budget_leases.amount + excluded.amount";
    let query = sqlx::query(LENGTHEN).bind(process.0).bind(window.tenant.name()).bind(&*window.budget);
    let query = query.bind(window.unit.name()).bind(window.starts_at).bind(window.ends_at).bind(amount);
    query.execute(connection).await.map(drop)
}

async fn lower(connection: &mut Connection, window: &BudgetWindow, amount: i64) -> Result<(), sqlx::Error> {
    const LOWER: &str = "UPDATE budget_windows SET taken = taken - $5 \
        WHERE tenant = $1 AND budget = $2 AND unit = $3 AND starts_at = $4";
    let query = sqlx::query(LOWER).bind(window.tenant.name()).bind(&*window.budget).bind(window.unit.name());
    query.bind(window.starts_at).bind(amount).execute(connection).await.map(drop)
}

/// Clears away what no journal will ask for any more, a bounded number of rows.
pub(super) async fn forget(connection: &mut Connection, most: i64) -> Result<(), sqlx::Error> {
    const WINDOWS: &str = concat!(
        "DELETE FROM budget_windows WHERE (tenant, budget, unit, starts_at) IN \
         (SELECT tenant, budget, unit, starts_at FROM budget_windows WHERE ends_at < ",
        now!(),
        " - $1 LIMIT $2)"
    );
    const LEASES: &str = concat!(
        "DELETE FROM budget_leases WHERE (process, tenant, budget, unit, starts_at) IN \
         (SELECT process, tenant, budget, unit, starts_at FROM budget_leases WHERE ends_at < ",
        now!(),
        " - $1 LIMIT $2)"
    );
    const JOURNALS: &str = concat!(
        "DELETE FROM usage_journals WHERE process IN \
         (SELECT process FROM usage_journals WHERE folded_at < ",
        now!(),
        " - $1 LIMIT $2)"
    );
    const PROCESSES: &str = concat!(
        "DELETE FROM budget_processes WHERE process IN \
         (SELECT process FROM budget_processes WHERE seen_at < ",
        now!(),
        " - $1 LIMIT $2)"
    );
    for (statement, kept) in
        [(WINDOWS, KEPT_WINDOW), (LEASES, KEPT_WINDOW), (JOURNALS, KEPT_JOURNAL), (PROCESSES, KEPT_PROCESS)]
    {
        sqlx::query(statement).bind(milliseconds(kept)).bind(most).execute(&mut *connection).await?;
    }
    Ok(())
}
