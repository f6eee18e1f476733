tools() {
  npx buf curl --protocol grpc --http2-prior-knowledge -H "Authorization: Bearer $TOKEN" \
    -d "$2" "http://127.0.0.1:50051/chatgateway.v1.ToolService/$1"
}

tools ListTools '{}'
# Fields that end in _json are bytes, which protobuf's JSON spells in base64: e30= is {}.
tools ExecuteTool '{"name": "list_models", "arguments_json": "e30="}'
