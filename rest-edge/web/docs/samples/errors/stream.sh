# The demo breaks off in the middle. The status is 200 by then,
# and the error is the last event before [DONE].
curl -N http://127.0.0.1:8080/v1/chat/completions \
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"model": "demo", "messages": [{"role": "user", "content": "/cut Hello"}], "stream": true}'
