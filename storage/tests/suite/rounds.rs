//! How often a race is run.

const LONG_RACES: Option<&str> = option_env!("LONG_RACES");

/// So often as the inner loop can bear, or, with `LONG_RACES=1`, so often that what is rare shows.
pub(crate) fn rounds(short: usize, long: usize) -> usize {
    if LONG_RACES == Some("1") { long } else { short }
}
