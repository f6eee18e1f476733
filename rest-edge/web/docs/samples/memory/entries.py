import os
import httpx

authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
gateway = httpx.Client(base_url="http://127.0.0.1:8080/v1", headers=authorization)
private = {"visibility": "private"}
colour = {"visibility": "private", "key": "colour"}

gateway.post("/memory", json={**colour, "value": "teal"})
for entry in gateway.get("/memory", params=private).json()["items"]:
    print(entry["key"], entry["value"], entry["origin"]["kind"])
print("bytes left:", gateway.get("/memory/usage", params=private).json()["remaining_bytes"])

print("deleted:", gateway.delete("/memory", params=colour).json()["deleted"])
print(gateway.get("/memory/entry", params=colour).json()["error"]["code"])
