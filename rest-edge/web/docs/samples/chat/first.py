import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])

completion = client.chat.completions.create(
    model="demo",
    messages=[
        {"role": "system", "content": "Answer in one sentence."},
        {"role": "user", "content": "What can you do?"},
    ],
    max_completion_tokens=200,
)
choice = completion.choices[0]
print(choice.message.content)
print(choice.finish_reason, completion.usage.total_tokens)
