import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/c1", api_key=os.environ["TOKEN"])

# The first turn begins the conversation, and a header names it.
first = client.chat.completions.with_raw_response.create(
    model="demo", messages=[{"role": "user", "content": "My name is Ann"}]
)
conversation = {"conversation_id": first.headers["x-conversation-id"]}

# The next one says only what is new.
second = client.chat.completions.create(
    model="demo", messages=[{"role": "user", "content": "/recall"}], extra_body=conversation
)
print(second.choices[0].message.content)
