KEY=turn-$(date +%s)-$$
turn() {
  curl http://127.0.0.1:8080/c1/chat \
    -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -H "Idempotency-Key: $KEY" -d "$1"
  echo
}

turn '{"model": "demo", "message": "Hello"}'
# The same request under the same key gets the stored answer, with the same id.
turn '{"model": "demo", "message": "Hello"}'
# Another request under this key is refused.
turn '{"model": "demo", "message": "Goodbye"}'
