KEY=turn-$(date +%s)-$$
turn() {
  npx buf curl --protocol grpc --http2-prior-knowledge \
    -H "Authorization: Bearer $TOKEN" -H "idempotency-key: $KEY" \
    -d '{"turn": {"chat": {
      "model": "demo",
      "messages": [{"role": "ROLE_USER", "text": "'"$1"'"}]
    }}}' \
    http://127.0.0.1:50051/chatgateway.v1.ConversationService/CreateTurn
}

turn Hello
# The same request under the same key gets the stored answer, with the same id.
turn Hello
# Another request under this key is refused.
turn Goodbye || echo "gRPC code $(($? / 8))" # 3: INVALID_ARGUMENT
