turn() {
  npx buf curl --protocol grpc --http2-prior-knowledge \
    -H "Authorization: Bearer $TOKEN" \
    -d '{"turn": {"conversation_id": "'$2'", "chat": {
      "model": "demo",
      "messages": [{"role": "ROLE_USER", "text": "'"$1"'"}]
    }}}' \
    http://127.0.0.1:50051/chatgateway.v1.ConversationService/CreateTurn
}

# The first turn begins the conversation, and the answer names it.
ID=$(turn 'My name is Ann' '' | sed -n 's/.*"conversationId": "\(.*\)".*/\1/p')

# The next one says only what is new.
turn /recall "$ID"
