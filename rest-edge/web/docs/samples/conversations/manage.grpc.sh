conversations() {
  npx buf curl --protocol grpc --http2-prior-knowledge -H "Authorization: Bearer $TOKEN" \
    -d "$2" "http://127.0.0.1:50051/chatgateway.v1.ConversationService/$1"
}

ID=$(conversations CreateTurn '{"turn": {"chat": {
  "model": "demo",
  "messages": [{"role": "ROLE_USER", "text": "My name is Ann"}]
}}}' | sed -n 's/.*"conversationId": "\(.*\)".*/\1/p')

conversations UpdateConversation \
  '{"conversation_id": "'$ID'", "update_mask": "title", "title": "Trip to Rome"}'
conversations ListConversations '{"limit": 10}'
conversations ExportConversation '{"conversation_id": "'$ID'"}'
conversations DeleteConversation '{"conversation_id": "'$ID'"}'
