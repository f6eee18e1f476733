PIXEL=R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==

curl http://127.0.0.1:8080/v1/chat/completions \
  -H "Authorization: Bearer $TOKEN" \
  -H 'Content-Type: application/json' \
  -d '{"model": "demo", "messages": [{"role": "user", "content": [
    {"type": "text", "text": "What is this?"},
    {"type": "image_url", "image_url": {"url": "data:image/gif;base64,'$PIXEL'"}}
  ]}]}'
