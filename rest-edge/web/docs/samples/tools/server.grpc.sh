npx buf curl --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -H 'spass-augment: server-tools=on' -H 'spass-augment: memory=off' \
  -d '{"chat": {
    "model": "demo",
    "messages": [{"role": "ROLE_USER", "text": "Which models? [tool:list_models]"}]
  }}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion
