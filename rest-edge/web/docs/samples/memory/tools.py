import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/c1", api_key=os.environ["TOKEN"])

# Three conversations: what is remembered is not tied to one.
messages = [
    "Please remember that my cat is called Mia",
    "What is my cat called?",
    "Forget my cat",
]
for message in messages:
    answer = client.chat.completions.create(
        model="demo", messages=[{"role": "user", "content": message}]
    )
    print(answer.choices[0].message.content)
