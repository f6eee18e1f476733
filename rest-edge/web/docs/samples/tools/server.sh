curl -i http://127.0.0.1:8080/v1/chat/completions \
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -H 'SPASS-Augment: server-tools=on, memory=off' \
  -d '{
    "model": "demo",
    "messages": [{"role": "user", "content": "Which models? [tool:list_models]"}]
  }'
