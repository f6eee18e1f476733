npx buf curl --protocol grpc --http2-prior-knowledge \
  -H 'Authorization: Bearer sk-wrong' \
  http://127.0.0.1:50051/chatgateway.v1.ModelService/ListModels ||
  echo "gRPC code $(($? / 8))" # 16: UNAUTHENTICATED
