import os
import httpx

authorization = {"Authorization": f"Bearer {os.environ['TOKEN']}"}
answer = httpx.get("http://127.0.0.1:8080/v1/info", headers=authorization)
for model in answer.raise_for_status().json()["models"]:
    print(model["alias"], model["context_window"], "tools" if model["tools"] else "no tools")
