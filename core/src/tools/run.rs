//! A call of a tool within its bounds.

use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt;
use gateway_proto::ApiError;
use gateway_proto::json::{Kind, Reader, Writer};
use tokio::time::timeout;

use super::{Tool, ToolContext, ToolOutput};
use crate::measures::tool_label;
use crate::trace::ToolSpan;

/// Runs a tool within its time and its size. A tool that panics takes down its own call alone. `call_id` is what a model calls
/// the run.
pub(crate) async fn run(
    tool: &dyn Tool,
    context: &ToolContext,
    call_id: Option<&str>,
    arguments: &[u8],
) -> Result<ToolOutput, ApiError> {
    let limits = context.shared.tools().limits();
    let name = tool.facts().name.as_str();
    let (span, trace) = ToolSpan::begin(context.call.request_id.trace(), name, call_id);
    // What the tool does itself stands below its span.
    let moved = trace.map(|trace| context.at(trace));
    let context = moved.as_ref().unwrap_or(context);
    let started = std::time::Instant::now();
    let waiting = context.call.stopwatch.wait();
    let running = AssertUnwindSafe(tool.run(context, arguments)).catch_unwind();
    let patience = tool.timeout().unwrap_or(limits.timeout);
    let ended = match timeout(patience, running).await {
        Err(_) => Ok(ToolOutput::failed(&format!(
            "The tool did not finish within {} s; whether it did its work is not known.",
            patience.as_secs_f64()
        ))),
        Ok(Err(_)) => Err(ApiError::internal("panic in a tool")),
        Ok(Ok(Ok(output))) if output.json.len() > limits.max_output_bytes => Ok(ToolOutput::failed(&format!(
            "The tool's result has {} bytes, more than the {} that are taken.",
            output.json.len(),
            limits.max_output_bytes
        ))),
        Ok(Ok(ended)) => ended,
    };
    drop(waiting);
    span.end(match &ended {
        Ok(output) => output.is_error.then_some("tool_error"),
        Err(error) => Some(error.code().facts().code),
    });
    let label = tool_label(name);
    let outcome = match &ended {
        Ok(output) if !output.is_error => "ok",
        Ok(_) | Err(_) => "error",
    };
    metrics::counter!("gateway_tool_calls_total", "tool" => label.clone(), "outcome" => outcome).increment(1);
    metrics::histogram!("gateway_tool_seconds", "tool" => label).record(started.elapsed().as_secs_f64());
    ended
}

/// What came of a call as a model reads it: text as it is, anything else as JSON.
pub(crate) fn text_of(ended: Result<ToolOutput, ApiError>, context: &ToolContext) -> Text {
    let output = ended.unwrap_or_else(|error| refused(&error, context));
    let text = Reader::new(&output.json)
        .and_then(|mut reader| if reader.kind()? == Kind::String { reader.string().map(Some) } else { Ok(None) })
        .ok()
        .flatten();
    match text {
        Some(text) => text.into_owned().into(),
        None => output.json,
    }
}

/// Text for a model.
type Text = Bytes;

/// An error as the result of a tool: what a caller would have been told.
fn refused(error: &ApiError, context: &ToolContext) -> ToolOutput {
    let facts = error.code().facts();
    if facts.http_status >= 500 {
        let id = context.call.request_id.as_str();
        let cause = crate::causes::causes(error);
        tracing::warn!(request_id = id, code = facts.code, cause, "a tool of request {id} failed");
    }
    let mut writer = Writer::with_capacity(error.message().len() + 64);
    writer.begin_object();
    writer.name("error");
    writer.begin_object();
    writer.optional_string("code", Some(facts.code));
    writer.optional_string("message", Some(error.message()));
    writer.optional_string("param", error.param());
    writer.end_object();
    writer.end_object();
    ToolOutput { json: writer.finish().into(), is_error: true }
}
