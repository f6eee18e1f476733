import os
import httpx

authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
gateway = httpx.Client(base_url="http://127.0.0.1:8080/c1", headers=authorization)

turn = gateway.post("/chat", json={"model": "demo", "message": "My name is Ann"})
conversation = f"/conversations/{turn.headers['x-conversation-id']}"

gateway.patch(conversation, json={"title": "Trip to Rome", "metadata": {"folder": "travel"}})
for row in gateway.get("/conversations", params={"limit": 10}).json()["items"]:
    print(row["id"], row["title"], row["message_count"])

for message in gateway.get(f"{conversation}/messages").json()["items"]:
    print(message["sequence"], message["role"], message["content"])

gateway.delete(conversation)
print("gone:", gateway.get(conversation).headers["x-error-code"])
