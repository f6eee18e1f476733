# The first turn begins the conversation, and a header names it.
ID=$(curl -s -o /dev/null -D - http://127.0.0.1:8080/c1/chat \
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"model": "demo", "message": "My name is Ann"}' |
  tr -d '\r' | sed -n 's/^x-conversation-id: //p')

# The next one says only what is new.
curl http://127.0.0.1:8080/c1/chat \
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"model": "demo", "message": "/recall", "conversation_id": "'$ID'"}'
