import os
import uuid
import httpx

authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
gateway = httpx.Client(base_url="http://127.0.0.1:8080", headers=authorization)
key = {"Idempotency-Key": str(uuid.uuid4())}


def turn(message):
    return gateway.post("/c1/chat", json={"model": "demo", "message": message}, headers=key)


# The same request under the same key gets the stored answer.
print("same answer:", turn("Hello").json() == turn("Hello").json())

# Another request under this key is refused.
error = turn("Goodbye").json()["error"]
print("another request:", error["code"], error["param"])
