//! What every statement may need besides its arguments.

use std::time::Duration;

use uuid::Uuid;

/// Who runs statements.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context {
    /// This process, from its start to its end.
    pub(crate) process: Uuid,
    /// How long a lease holds.
    pub(crate) lease: Duration,
}

/// A duration as the databases count.
pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// A number that is never negative and fits its type, unless somebody else wrote it.
pub(crate) fn count<T: TryFrom<i64> + Default>(number: i64) -> T {
    T::try_from(number).unwrap_or_default()
}

/// Work on a connection. It may be run again where the database asks for that, so it clones what it needs.
macro_rules! work {
    ([$($name:ident),*], |$connection:ident| $call:expr) => {{
        $(let $name = $name.clone();)*
        move |$connection| {
            $(let $name = $name.clone();)*
            Box::pin(async move { $call.await })
        }
    }};
}
pub(crate) use work;
