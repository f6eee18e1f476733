//! What edge and core have to say alike in OpenAI's JSON.

use crate::json::Writer;
use crate::v1::{ToolCall, tool_call};

// The edge reads these, and the core refuses them where a caller puts them among the unknown members, so that gateway
// and model server can never read two different values of one member.
crate::json_members! {
    /// A known member of the request.
    pub enum ChatRequestMember {
        Model = "model",
        Messages = "messages",
        Tools = "tools",
        ToolChoice = "tool_choice",
        ParallelToolCalls = "parallel_tool_calls",
        ResponseFormat = "response_format",
        MaxTokens = "max_tokens",
        MaxCompletionTokens = "max_completion_tokens",
        Temperature = "temperature",
        TopP = "top_p",
        FrequencyPenalty = "frequency_penalty",
        PresencePenalty = "presence_penalty",
        N = "n",
        Stop = "stop",
        Seed = "seed",
        Logprobs = "logprobs",
        TopLogprobs = "top_logprobs",
        LogitBias = "logit_bias",
        ReasoningEffort = "reasoning_effort",
        Verbosity = "verbosity",
        Modalities = "modalities",
        Audio = "audio",
        Prediction = "prediction",
        ServiceTier = "service_tier",
        Store = "store",
        Metadata = "metadata",
        User = "user",
        SafetyIdentifier = "safety_identifier",
        PromptCacheKey = "prompt_cache_key",
        PromptCacheRetention = "prompt_cache_retention",
        WebSearchOptions = "web_search_options",
        Stream = "stream",
        StreamOptions = "stream_options",
        Functions = "functions",
        FunctionCall = "function_call",
    }
}

/// Writes a tool call: the edge to its client, the core to a model server.
pub fn write_tool_call(writer: &mut Writer, call: &ToolCall) {
    writer.begin_object();
    writer.optional_string("id", Some(&call.id));
    match &call.call {
        None => writer.optional_string("type", Some(call.other_type.as_str()).filter(|name| !name.is_empty())),
        Some(tool_call::Call::Function(function)) => {
            writer.optional_string("type", Some(call_type(call, "function")));
            writer.name("function");
            writer.begin_object();
            writer.optional_string("name", Some(&function.name));
            writer.optional_string("arguments", Some(&function.arguments));
            writer.members_of(&function.unknown_members_json);
            writer.end_object();
        }
        Some(tool_call::Call::Custom(custom)) => {
            writer.optional_string("type", Some(call_type(call, "custom")));
            writer.name("custom");
            writer.begin_object();
            writer.optional_string("name", Some(&custom.name));
            writer.optional_string("input", Some(&custom.input));
            writer.members_of(&custom.unknown_members_json);
            writer.end_object();
        }
    }
    writer.members_of(&call.unknown_members_json);
    writer.end_object();
}

/// The model server's own name for the kind of a call, where it has one.
fn call_type<'a>(call: &'a ToolCall, usual: &'a str) -> &'a str {
    if call.other_type.is_empty() { usual } else { &call.other_type }
}
