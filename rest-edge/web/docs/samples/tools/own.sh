TOOLS='[{"type": "function", "function": {"name": "get_weather", "parameters": {
  "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]'
chat() {
  curl -s http://127.0.0.1:8080/v1/chat/completions \
    -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"model": "demo", "tools": '"$TOOLS"', "messages": ['"$1"']}'
}

# The demo plays a model that wants a tool. Its answer ends with "tool_calls".
ASKED='{"role": "user", "content": "/tool get_weather {\"city\": \"Rome\"}"}'
CALLS=$(chat "$ASKED" | grep -o '"tool_calls":\[.*\]},"logprobs"' | sed 's/},"logprobs"$//')
echo "$CALLS"

# Run the function, and send back its result under the id of the call.
ID=$(echo "$CALLS" | sed 's/.*"id":"\([^"]*\)".*/\1/')
chat "$ASKED"', {"role": "assistant", '"$CALLS"'},
  {"role": "tool", "tool_call_id": "'$ID'", "content": "18 degrees"}'
