npx buf curl --protocol grpc --http2-prior-knowledge \
  -H "Authorization: Bearer $TOKEN" \
  http://127.0.0.1:50051/chatgateway.v1.IdentityService/WhoAmI
