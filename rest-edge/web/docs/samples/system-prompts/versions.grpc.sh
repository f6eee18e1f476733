prompts() {
  npx buf curl --protocol grpc --http2-prior-knowledge -H "Authorization: Bearer $TOKEN" \
    -d "$2" "http://127.0.0.1:50051/chatgateway.v1.SystemPromptService/$1"
}

FIRST=$(prompts PutSystemPrompt \
  '{"level": "user", "content": "Answer in one sentence.", "note": "first try"}' |
  sed -n 's/.*"version": \([0-9]*\).*/\1/p')
prompts PutSystemPrompt '{"level": "user", "content": "Answer in French."}'

# Back to the first, which is kept as every version is.
prompts SetCurrentSystemPromptVersion '{"level": "user", "version": '$FIRST'}'
prompts GetEffectiveSystemPrompt '{}'

# From now on there is none.
prompts UnsetSystemPrompt '{"level": "user"}'
