# -v shows the metadata of the answer.
npx buf curl -v --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -H 'x-request-id: import-42' \
  -d '{"chat": {
    "model": "demo",
    "messages": [{"role": "ROLE_USER", "text": "Hello"}],
    "max_tokens": 1
  }}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion 2>&1 |
  grep -iE '(x-request-id|spass-applied|spass-resolved-model):'
