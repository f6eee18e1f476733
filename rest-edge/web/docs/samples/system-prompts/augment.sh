curl -i http://127.0.0.1:8080/v1/chat/completions \
  -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' \
  -H 'SPASS-Augment: system-prompt=off, memory=off' \
  -d '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'
