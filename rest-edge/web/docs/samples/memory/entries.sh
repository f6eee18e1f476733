call() {
  curl -s "$@" -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json'
  echo
}

call http://127.0.0.1:8080/v1/memory -d '{"key": "colour", "value": "teal", "visibility": "private"}'
call "http://127.0.0.1:8080/v1/memory?visibility=private"
call "http://127.0.0.1:8080/v1/memory/usage?visibility=private"
call -X DELETE "http://127.0.0.1:8080/v1/memory?visibility=private&key=colour"
call "http://127.0.0.1:8080/v1/memory/entry?visibility=private&key=colour"
