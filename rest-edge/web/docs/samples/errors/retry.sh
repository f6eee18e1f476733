# The demo plays a model whose quota is used up.
HEAD=$(curl -s -o /dev/null -D - http://127.0.0.1:8080/v1/chat/completions \
  -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
  -d '{"model": "demo", "messages": [{"role": "user", "content": "/error model_quota_exhausted"}]}' |
  tr -d '\r')

if grep -q '^x-should-retry: true' <<<"$HEAD"; then
  echo "again in $(sed -n 's/^retry-after: //p' <<<"$HEAD") s"
else
  echo 'do not send it again'
fi
