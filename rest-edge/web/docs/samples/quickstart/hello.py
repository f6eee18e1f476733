import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])

completion = client.chat.completions.create(
    model="demo", messages=[{"role": "user", "content": "Hello"}]
)
print(completion.choices[0].message.content)
