//! Settings about the tools that the gateway runs itself.

use std::num::NonZeroU32;
use std::time::Duration;

use super::values::{bytes, seconds};
use crate::tools::ToolLimits;

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
}

impl ToolSettings {
    pub(super) fn limits(&self) -> ToolLimits {
        ToolLimits {
            timeout: self.tool_timeout_secs,
            max_output_bytes: self.max_tool_output_bytes,
            max_iterations: self.max_tool_iterations.get(),
        }
    }
}
