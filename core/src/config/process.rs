//! The settings that every process of the gateway has, and the one place where the environment is read.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::Duration;

use clap::Command;
use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue};

use super::traces::TraceSettings;
use super::values::{bytes, count, seconds, seconds_or_zero};

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

/// How much of everything there may be at once.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Bounds {
    /// The largest request body, in bytes, counted after decompression.
    #[arg(long, env = "MAX_BODY_BYTES", default_value = "33554432", value_parser = bytes)]
    pub max_body_bytes: usize,
    /// The most bytes of request bodies held at once, by HTTP and by gRPC each; a request beyond is overloaded.
    #[arg(long, env = "MAX_BYTES_IN_FLIGHT", default_value = "268435456", value_parser = bytes)]
    pub max_bytes_in_flight: usize,
    /// The most connections at once, by HTTP and by gRPC each; one more is answered overloaded.
    #[arg(long, env = "MAX_CONNECTIONS", default_value = "10000", value_parser = count)]
    pub max_connections: NonZeroU32,
}

/// The settings that every process of the gateway has.
#[derive(Clone, Debug, clap::Args)]
pub struct ProcessSettings {
    /// Where Prometheus metrics are served, under /metrics; port 0 picks one.
    #[arg(long, env = "METRICS_LISTEN", default_value = "127.0.0.1:9464")]
    pub metrics_listen: SocketAddr,
    /// The address under which clients reach the edge; base of every link in an error. Default: the edge's own.
    #[arg(long, env = "PUBLIC_URL", default_value = "")]
    pub public_url: String,
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub bounds: Bounds,
    /// Threads that serve requests. One is the cheapest per request; more serve more at once.
    #[arg(long, env = "WORKER_THREADS", default_value = "1", value_parser = count)]
    pub worker_threads: NonZeroU32,
    /// How long the gateway goes on serving after SIGTERM, while readiness and health already say that it ends.
    #[arg(long, env = "DRAIN_DELAY_SECS", default_value = "1", value_parser = seconds_or_zero)]
    pub drain_delay_secs: Duration,
    /// How long requests in flight may take to end after that.
    #[arg(long, env = "DRAIN_TIMEOUT_SECS", default_value = "30", value_parser = seconds)]
    pub drain_timeout_secs: Duration,
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub traces: TraceSettings,
    /// How log lines look. Default: text on a terminal, else json.
    #[arg(long, env = "LOG_FORMAT")]
    pub log_format: Option<LogFormat>,
    /// Whether a line is written of each request that ended.
    #[arg(long, env = "ACCESS_LOG", default_value = "off")]
    pub access_log: Switch,
    /// Which log lines are written, as in info or gateway_core=debug,info.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub rust_log: String,
}

/// The settings of this process, from its command line and environment; else how it is to end. What is wrong, or help
/// that was asked for, is printed.
pub fn settings_of_this_process<S: clap::Parser>() -> Result<S, ExitCode> {
    parse_settings(std::env::args_os()).map_err(|error| {
        // There is nowhere else to say that standard error cannot be written to.
        drop(error.print());
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

/// Reads settings from a command line and the environment. An empty variable counts as not set.
pub fn parse_settings<S: clap::Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<S, clap::Error> {
    let command = S::command().mut_args(|argument| {
        let is_empty = argument.get_env().is_some_and(is_empty_variable);
        if is_empty { argument.env(Resettable::Reset) } else { argument }
    });
    let matches = hide_secrets(command).try_get_matches_from(arguments).map_err(without_password)?;
    S::from_arg_matches(&matches)
}

#[expect(clippy::disallowed_methods, reason = "the one place where the environment is looked at")]
fn is_empty_variable(name: &std::ffi::OsStr) -> bool {
    std::env::var_os(name).is_some_and(|value| value.is_empty())
}

/// A bad value is shown, but not the user and the password in an address.
fn without_password(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
        && let (Some((scheme, rest)), Some((_, place))) = (value.split_once("://"), value.rsplit_once('@'))
        && rest.contains('@')
    {
        let value = format!("{scheme}://[hidden]@{place}");
        error.insert(ContextKind::InvalidValue, ContextValue::String(value));
    }
    error
}

/// `--help` shows the names of variables and never their values.
fn hide_secrets(command: Command) -> Command {
    command.mut_args(|argument| argument.hide_env_values(true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, clap::Parser)]
    struct Settings {
        #[command(flatten)]
        process: ProcessSettings,
    }

    fn parse(arguments: &[&str]) -> Result<ProcessSettings, String> {
        let arguments = std::iter::once(&"test").chain(arguments).map(OsString::from);
        parse_settings::<Settings>(arguments).map(|settings| settings.process).map_err(|error| error.to_string())
    }

    #[test]
    fn a_bad_value_names_the_setting_the_value_and_what_is_right() {
        let error = parse(&["--max-body-bytes", "32M"]).unwrap_err();
        for part in ["MAX_BODY_BYTES", "32M", "must be a whole number of bytes"] {
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_bad_address_is_shown_without_its_password() {
        let error = parse(&["--metrics-listen", "http://user:pass@word@host:80/"]).unwrap_err();
        assert!(error.contains("http://[hidden]@host:80/") && !error.contains("pass"), "{error}");
    }

    #[test]
    fn defaults_are_those_of_the_contract() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.metrics_listen.to_string(), "127.0.0.1:9464");
        assert_eq!(settings.bounds.max_body_bytes, 33_554_432);
    }
}
