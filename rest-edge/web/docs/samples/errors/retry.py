import os
import openai

# The SDK obeys x-should-retry and Retry-After by itself; max_retries=0 leaves it to you.
client = openai.OpenAI(
    base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"], max_retries=0
)

try:
    # The demo plays a model whose quota is used up.
    client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": "/error model_quota_exhausted"}]
    )
except openai.APIStatusError as error:
    headers = error.response.headers
    if headers.get("x-should-retry") == "true":
        print(f"{error.code}, again in {headers['retry-after']} s")
    else:
        print(f"{error.code}, do not send it again")
