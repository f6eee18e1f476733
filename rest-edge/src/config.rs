//! The settings of the edge.

mod process;
mod tls;
mod traces;
mod values;

use std::net::SocketAddr;
use std::time::Duration;

use http::HeaderValue;

pub use process::{Bounds, LogFormat, ProcessSettings, Switch, settings_of_this_process};
pub use tls::{CoreTlsSettings, HttpTlsSettings};
pub use traces::{CollectorHeaders, Protocol, SamplerName, TraceSettings};
pub use values::CoreAddress;

use values::{origin, seconds};

/// The settings that only the edge has.
#[derive(Clone, Debug, clap::Args)]
pub struct EdgeSettings {
    /// Where HTTP is served; port 0 picks one.
    #[arg(long, env = "HTTP_LISTEN", default_value = "127.0.0.1:8080")]
    pub http_listen: SocketAddr,
    #[expect(missing_docs, reason = "clap would take a comment for the help text of the whole program")]
    #[command(flatten)]
    pub tls: HttpTlsSettings,
    /// Origins of pages that may call the gateway, separated by commas; * for any. Default: none.
    #[arg(long, env = "CORS_ALLOWED_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub cors_allowed_origins: Vec<HeaderValue>,
    /// How long a request's head may take, from its first byte to its last; a new connection's, from the start.
    #[arg(long, env = "HEAD_TIMEOUT_SECS", default_value = "10", value_parser = seconds)]
    pub head_timeout_secs: Duration,
    /// How long a connection may be idle between requests.
    #[arg(long, env = "IDLE_TIMEOUT_SECS", default_value = "75", value_parser = seconds)]
    pub idle_timeout_secs: Duration,
    /// How long a request's body may take, besides one second for each KiB of it.
    #[arg(long, env = "BODY_TIMEOUT_SECS", default_value = "10", value_parser = seconds)]
    pub body_timeout_secs: Duration,
    /// How long a stream may be silent before the client is sent a comment.
    #[arg(long, env = "STREAM_KEEP_ALIVE_SECS", default_value = "15", value_parser = seconds)]
    pub stream_keep_alive_secs: Duration,
    /// How long a client may take nothing of an answer before its connection is closed.
    #[arg(long, env = "WRITE_TIMEOUT_SECS", default_value = "60", value_parser = seconds)]
    pub write_timeout_secs: Duration,
}
