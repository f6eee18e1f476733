call() {
  curl -s "$@" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json'
}

ID=$(call -o /dev/null -D - http://127.0.0.1:8080/c1/chat \
  -d '{"model": "demo", "message": "My name is Ann"}' |
  tr -d '\r' | sed -n 's/^x-conversation-id: //p')

call -X PATCH http://127.0.0.1:8080/c1/conversations/$ID \
  -d '{"title": "Trip to Rome", "metadata": {"folder": "travel"}}'
call "http://127.0.0.1:8080/c1/conversations?limit=10"
call http://127.0.0.1:8080/c1/conversations/$ID/messages
call http://127.0.0.1:8080/c1/conversations/$ID/export
call -X DELETE http://127.0.0.1:8080/c1/conversations/$ID
