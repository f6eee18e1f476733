//! The member names of OpenAI's chat request: the edge reads them, and the core refuses them where a caller puts them
//! among the unknown members, so that gateway and model server can never read two different values of one member.

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
