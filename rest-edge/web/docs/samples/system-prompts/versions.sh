prompts() {
  curl -s "http://127.0.0.1:8080/v1/system-prompts/$1" -H "Authorization: Bearer $TOKEN" "${@:2}"
  echo
}
put() { prompts user -X PUT -H 'Content-Type: application/json' -d "$1"; }

FIRST=$(put '{"content": "Answer in one sentence.", "note": "first try"}' |
  sed 's/.*"version":\([0-9]*\).*/\1/')
put '{"content": "Answer in French."}'

# Back to the first, which is kept as every version is.
prompts user/versions
prompts user/current/$FIRST -X PUT
prompts effective

# From now on there is none.
prompts user -X DELETE
