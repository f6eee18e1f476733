import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])

try:
    client.chat.completions.create(
        model="nothing", messages=[{"role": "user", "content": "Hello"}]
    )
except openai.BadRequestError as error:
    print(error.code, error.param)
    print(error.body["message"])
