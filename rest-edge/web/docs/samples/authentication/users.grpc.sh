conversations() {
  npx buf curl --protocol grpc --http2-prior-knowledge \
    -H "Authorization: Bearer $TOKEN" -H "spass-user-id: $1" -d "$3" \
    "http://127.0.0.1:50051/chatgateway.v1.ConversationService/$2"
}

# Ann begins a conversation.
ID=$(conversations ann CreateTurn '{"turn": {"chat": {
  "model": "demo",
  "messages": [{"role": "ROLE_USER", "text": "Hello"}]
}}}' | sed -n 's/.*"conversationId": "\(.*\)".*/\1/p')
conversations ann ListConversations '{"limit": 1}'

# For Bob it does not exist.
conversations bob GetConversation '{"conversation_id": "'$ID'"}' ||
  echo "gRPC code $(($? / 8))" # 5: NOT_FOUND
