PIXEL=R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==

npx buf curl --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  -d '{"chat": {"model": "demo", "messages": [{"role": "ROLE_USER", "parts": {"parts": [
    {"text": "What is this?"},
    {"image": {"data": {"mime_type": "image/gif", "content": "'$PIXEL'"}}}
  ]}}]}}' \
  http://127.0.0.1:50051/chatgateway.v1.ChatService/CreateChatCompletion
