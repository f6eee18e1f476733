# The demo breaks off in the middle. The error is the status at the end of the stream.
npx buf curl --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"chat": {"model": "demo", "messages": [{"role": "ROLE_USER", "text": "/cut Hello"}]}}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/StreamChatCompletion ||
  echo "gRPC code $(($? / 8))" # 13: INTERNAL
