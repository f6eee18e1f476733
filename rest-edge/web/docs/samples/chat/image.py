import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])
# Of a file: base64.b64encode(Path("photo.gif").read_bytes()).decode()
pixel = "R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="

completion = client.chat.completions.create(
    model="demo",
    messages=[
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is this?"},
                {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{pixel}"}},
            ],
        }
    ],
)
print(completion.choices[0].message.content)
