memory() {
  npx buf curl --protocol grpc --http2-prior-knowledge -H "Authorization: Bearer $TOKEN" \
    -d "$2" "http://127.0.0.1:50051/chatgateway.v1.MemoryService/$1"
}

memory PutMemory '{"key": "colour", "value": "teal", "visibility": "private"}'
memory ListMemory '{"visibility": "private"}'
memory GetMemoryUsage '{"visibility": "private"}'
memory DeleteMemory '{"key": "colour", "visibility": "private"}'
memory GetMemory '{"key": "colour", "visibility": "private"}' ||
  echo "gRPC code $(($? / 8))" # 5: NOT_FOUND
