import os
import httpx

answer = httpx.get("http://127.0.0.1:8080/v1/info", headers={"Authorization": f"Bearer {os.environ['TOKEN']}"})
for model in answer.raise_for_status().json()["models"]:
    print(model["alias"], model["context_window"], "tools" if model["tools"] else "no tools")
