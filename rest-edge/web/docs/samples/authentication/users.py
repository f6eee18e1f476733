import os
import httpx

authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
gateway = httpx.Client(base_url="http://127.0.0.1:8080", headers=authorization)
ann, bob = {"SPASS-User-Id": "ann"}, {"SPASS-User-Id": "bob"}

# Ann begins a conversation.
turn = gateway.post("/c1/chat", json={"model": "demo", "message": "Hello"}, headers=ann)
conversation = turn.headers["x-conversation-id"]
print("ann:", gateway.get("/c1/conversations", headers=ann).json()["total"])

# For Bob it does not exist.
refused = gateway.get(f"/c1/conversations/{conversation}", headers=bob)
print("bob:", refused.json()["error"]["message"])
