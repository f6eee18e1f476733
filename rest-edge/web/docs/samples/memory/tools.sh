# Three conversations: what is remembered is not tied to one.
for MESSAGE in 'Please remember that my cat is called Mia' 'What is my cat called?' 'Forget my cat'; do
  curl http://127.0.0.1:8080/c1/chat \
    -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"model": "demo", "message": "'"$MESSAGE"'"}'
done
