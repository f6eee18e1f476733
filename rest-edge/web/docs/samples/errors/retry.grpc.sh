# The demo plays a model whose quota is used up. The detail RetryInfo has the wait.
npx buf curl --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"chat": {
    "model": "demo",
    "messages": [{"role": "ROLE_USER", "text": "/error model_quota_exhausted"}]
  }}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion ||
  echo "gRPC code $(($? / 8))" # 8: RESOURCE_EXHAUSTED
