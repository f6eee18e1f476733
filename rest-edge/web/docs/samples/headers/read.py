import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])

answer = client.chat.completions.with_raw_response.create(
    model="demo",
    messages=[{"role": "user", "content": "Hello"}],
    max_tokens=1,
    extra_headers={"X-Request-Id": "import-42"},
)
for name in ["x-request-id", "spass-applied", "spass-resolved-model"]:
    print(name, answer.headers[name])
