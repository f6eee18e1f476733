//! Settings about the tools that the gateway runs itself.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use super::tools_file;
use super::values::{bytes, existing_default, seconds};
use super::{ConfigError, UpstreamSettings};
use crate::tools::{McpEndpoint, ToolLimits};

/// The tools file of a gateway started in its checkout.
const DEFAULT_TOOLS_FILE: &str = "deploy/config/tools.yaml";

/// Settings about the tools that the gateway runs itself.
#[derive(Clone, Debug, clap::Args)]
pub struct ToolSettings {
    /// The most steps of the tool loop; then one more call of the model makes an answer of what there is.
    #[arg(long, env = "MAX_TOOL_ITERATIONS", default_value = "10")]
    pub max_tool_iterations: NonZeroU32,
    /// How long a call of a tool may take.
    #[arg(long, env = "TOOL_TIMEOUT_SECS", default_value = "10", value_parser = seconds)]
    pub tool_timeout_secs: Duration,
    /// The most that a call of a tool may give, in bytes.
    #[arg(long, env = "MAX_TOOL_OUTPUT_BYTES", default_value = "65536", value_parser = bytes)]
    pub max_tool_output_bytes: usize,
    /// The file of MCP servers whose tools are offered as well. Default: deploy/config/tools.yaml when it exists.
    #[arg(long, env = "TOOLS_FILE")]
    pub tools_file: Option<PathBuf>,
}

impl ToolSettings {
    pub(super) fn limits(&self) -> ToolLimits {
        ToolLimits {
            timeout: self.tool_timeout_secs,
            max_output_bytes: self.max_tool_output_bytes,
            max_iterations: self.max_tool_iterations.get(),
        }
    }
    /// The tools file, where there is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        existing_default(self.tools_file.as_deref(), DEFAULT_TOOLS_FILE)
    }

    /// Reads the tools file. Its servers are trusted as those of models are.
    pub(crate) fn servers(&self, upstream: &UpstreamSettings) -> Result<Vec<McpEndpoint>, ConfigError> {
        let Some(path) = self.path() else { return Ok(Vec::new()) };
        let servers = tools_file::read(&path, &upstream.extra_roots()?);
        servers.map_err(|reason| ConfigError::new("TOOLS_FILE", format!("'{}': {reason}", path.display())))
    }
}
