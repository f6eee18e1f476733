import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])

answer = client.chat.completions.with_raw_response.create(
    model="demo",
    messages=[{"role": "user", "content": "Which models? [tool:list_models]"}],
    extra_headers={"SPASS-Augment": "server-tools=on, memory=off"},
)
print(answer.headers["spass-augment-applied"])
print(answer.parse().choices[0].message.content)
