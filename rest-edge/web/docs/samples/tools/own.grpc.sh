SCHEMA='{"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}'
PARAMETERS=$(printf '%s' "$SCHEMA" | base64 | tr -d '\n')
chat() {
  npx buf curl --protocol grpc --http2-prior-knowledge \
    -H "Authorization: Bearer $TOKEN" \
    -d '{"chat": {
      "model": "demo",
      "messages": ['"$1"'],
      "tools": [{"function": {"name": "get_weather", "parameters_json": "'$PARAMETERS'"}}]
    }}' \
    http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion
}

# The demo plays a model that wants a tool. Its answer ends with FINISH_REASON_TOOL_CALLS.
ASKED='{"role": "ROLE_USER", "text": "/tool get_weather {\"city\": \"Rome\"}"}'
chat "$ASKED"

# Run the function, and send back its result under the id of the call.
CALL='{"id": "call_demo_0", "function": {
  "name": "get_weather", "arguments": "{\"city\": \"Rome\"}"}}'
chat "$ASKED"', {"role": "ROLE_ASSISTANT", "tool_calls": ['"$CALL"']},
  {"role": "ROLE_TOOL", "tool_call_id": "call_demo_0", "text": "18 degrees"}'
