# Ann begins a conversation.
ID=$(curl -s -o /dev/null -D - http://127.0.0.1:8080/c1/chat \
  -H "Authorization: Bearer $TOKEN" -H 'SPASS-User-Id: ann' -H 'Content-Type: application/json' \
  -d '{"model": "demo", "message": "Hello"}' |
  tr -d '\r' | sed -n 's/^x-conversation-id: //p')
curl "http://127.0.0.1:8080/c1/conversations?limit=1" \
  -H "Authorization: Bearer $TOKEN" -H 'SPASS-User-Id: ann'

# For Bob it does not exist.
curl http://127.0.0.1:8080/c1/conversations/$ID \
  -H "Authorization: Bearer $TOKEN" -H 'SPASS-User-Id: bob'
