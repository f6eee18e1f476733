# The details are protobuf, which buf prints in base64; /docs/grpc unpacks them.
npx buf curl --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"chat": {
    "model": "demo",
    "messages": [{"role": "ROLE_USER", "text": "Hello"}],
    "temperature": 3
  }}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion ||
  echo "gRPC code $(($? / 8))" # 3: INVALID_ARGUMENT
