import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])

stream = client.chat.completions.create(
    # The demo breaks off in the middle.
    model="demo", messages=[{"role": "user", "content": "/cut Hello"}], stream=True
)
try:
    for chunk in stream:
        print(chunk.choices[0].delta.content or "", end="", flush=True)
except openai.APIError as error:
    print("\nbroken off:", error.code, error.message)
