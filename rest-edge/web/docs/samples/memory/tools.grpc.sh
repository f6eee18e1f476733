# Three conversations: what is remembered is not tied to one.
for MESSAGE in 'Please remember that my cat is called Mia' 'What is my cat called?' 'Forget my cat'; do
  npx buf curl --protocol grpc --http2-prior-knowledge \
    -H "Authorization: Bearer $TOKEN" \
    -d '{"turn": {"chat": {
      "model": "demo",
      "messages": [{"role": "ROLE_USER", "text": "'"$MESSAGE"'"}]
    }}}' \
    http://127.0.0.1:50051/chatgateway.v1.ConversationService/CreateTurn
done
