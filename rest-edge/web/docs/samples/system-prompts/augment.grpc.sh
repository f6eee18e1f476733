# -v shows the metadata of the answer.
npx buf curl -v --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -H 'spass-augment: system-prompt=off' -H 'spass-augment: memory=off' \
  -d '{"chat": {"model": "demo", "messages": [{"role": "ROLE_USER", "text": "Hello"}]}}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion 2>&1 |
  grep -i 'spass-augment-applied'
