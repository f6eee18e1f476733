//! What this process uses of its machine, under the names that Prometheus has for it in every language.

use std::fmt::{Display, Write};
use std::fs;

/// Linux counts the time of processes in hundredths of a second, whatever its kernel does inside.
const TICKS_PER_SECOND: f64 = 100.0;
const BYTES_PER_KIB: u64 = 1024;

/// Tells what can be read; a system that shows nothing of it is told nothing of.
pub(super) fn tell(told: &mut String) {
    let mut one = |name: &str, kind: &str, help: &str, value: Option<&dyn Display>| {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(told, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n");
        }
    };
    let stat = fs::read_to_string("/proc/self/stat").ok();
    let times = stat.as_deref().and_then(Times::of);
    let processor = times.as_ref().map(|times| times.processor);
    let started = times.and_then(|times| Some(boot_time()? + times.started));
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = number_after(&status, "VmRSS:").map(|kib| kib * BYTES_PER_KIB);
    let virtual_bytes = number_after(&status, "VmSize:").map(|kib| kib * BYTES_PER_KIB);
    let threads = number_after(&status, "Threads:");
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most_files = number_after(&limits, "Max open files");
    let files = fs::read_dir("/proc/self/fd").ok().map(Iterator::count);

    one("process_cpu_seconds_total", "counter", "Time of processors that was used.", shown(&processor));
    one("process_resident_memory_bytes", "gauge", "Memory in use.", shown(&resident));
    one("process_virtual_memory_bytes", "gauge", "Address space in use.", shown(&virtual_bytes));
    one("process_threads", "gauge", "Threads.", shown(&threads));
    one("process_open_fds", "gauge", "Open files and sockets.", shown(&files));
    one("process_max_fds", "gauge", "How many of them there may be.", shown(&most_files));
    one("process_start_time_seconds", "gauge", "When the process began, in seconds since 1970.", shown(&started));
}

fn shown<T: Display>(value: &Option<T>) -> Option<&dyn Display> {
    value.as_ref().map(|value| value as &dyn Display)
}

/// In seconds.
struct Times {
    processor: f64,
    /// Since the machine began.
    started: f64,
}

impl Times {
    /// What `/proc/self/stat` says. Its second field is a name that may hold anything, in parentheses.
    fn of(stat: &str) -> Option<Self> {
        let (_, after_name) = stat.rsplit_once(')')?;
        let mut fields = after_name.split_ascii_whitespace();
        let user: u64 = fields.nth(11)?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        let started: u64 = fields.nth(6)?.parse().ok()?;
        let seconds = |ticks: u64| ticks as f64 / TICKS_PER_SECOND;
        Some(Self { processor: seconds(user + system), started: seconds(started) })
    }
}

/// When the machine began, in seconds since 1970.
fn boot_time() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    number_after(&stat, "btime").map(|seconds| seconds as f64)
}

/// The first number of the line that begins so.
fn number_after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_ascii_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat = "7 (a) S 1) S 1 7 7 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 4 0 12345 1 1";
        let times = Times::of(stat).unwrap();
        assert_eq!((times.processor, times.started), (3.0, 123.45));
        assert!(Times::of("7 (a").is_none());
    }

    #[test]
    fn numbers_are_found_by_their_line() {
        assert_eq!(number_after("VmPeak:\t 9 kB\nVmRSS:\t  12 kB\n", "VmRSS:"), Some(12));
        assert_eq!(
            number_after("Max open files            1024                 4096 files\n", "Max open files"),
            Some(1024)
        );
        assert_eq!(number_after("Max open files            unlimited\n", "Max open files"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_told_of() {
        let mut told = String::new();
        tell(&mut told);
        for name in ["cpu_seconds_total", "resident_memory_bytes", "open_fds", "max_fds", "start_time_seconds"] {
            assert!(told.contains(&format!("\nprocess_{name} ")), "{name}: {told}");
        }
    }
}
