import os
import httpx

authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
prompts = httpx.Client(base_url="http://127.0.0.1:8080/v1/system-prompts", headers=authorization)

first = prompts.put("/user", json={"content": "Answer in one sentence.", "note": "first try"}).json()
second = prompts.put("/user", json={"content": "Answer in French."}).json()
print(second["version"], second["content"])

# Back to the first, which is kept as every version is.
prompts.put(f"/user/current/{first['version']}")
print("in use:", prompts.get("/effective").json()["content"])

# From now on there is none.
prompts.delete("/user")
