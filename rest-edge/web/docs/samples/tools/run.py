import os
import httpx

authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
gateway = httpx.Client(base_url="http://127.0.0.1:8080/v1", headers=authorization)

for tool in gateway.get("/tools").json()["items"]:
    print(tool["name"], "-", tool["description"])

answer = gateway.post("/tools/execute", json={"name": "list_models", "arguments": {}}).json()
print("failed" if answer["is_error"] else "gave", answer["result"])
