curl http://127.0.0.1:8080/v1/tools -H "Authorization: Bearer $TOKEN"
curl http://127.0.0.1:8080/v1/tools/execute \
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"name": "list_models", "arguments": {}}'
