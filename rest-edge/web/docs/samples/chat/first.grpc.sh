npx buf curl --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"chat": {
    "model": "demo",
    "messages": [
      {"role": "ROLE_SYSTEM", "text": "Answer in one sentence."},
      {"role": "ROLE_USER", "text": "What can you do?"}
    ],
    "max_completion_tokens": 200
  }}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion
