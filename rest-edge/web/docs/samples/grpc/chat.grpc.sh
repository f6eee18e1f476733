npx buf curl --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"chat": {"model": "demo", "messages": [{"role": "ROLE_USER", "text": "Hello"}]}}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion
