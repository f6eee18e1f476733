import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])

try:
    client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "Hello"}], temperature=3
    )
except openai.APIStatusError as error:
    print(error.status_code, error.code, error.param)
    print(error.body["message"])
    print("see", error.body["doc_url"])
    print("for the operator:", error.request_id)
