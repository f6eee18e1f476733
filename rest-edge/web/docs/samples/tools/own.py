import json
import os
import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key=os.environ["TOKEN"])


def get_weather(city):
    return f"18 degrees in {city}"


parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [{"type": "function", "function": {"name": "get_weather", "parameters": parameters}}]

# The demo plays a model that wants a tool.
messages = [{"role": "user", "content": '/tool get_weather {"city": "Rome"}'}]
answer = client.chat.completions.create(model="demo", messages=messages, tools=tools).choices[0]
while answer.finish_reason == "tool_calls":
    messages.append(answer.message)
    for call in answer.message.tool_calls:
        result = get_weather(**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    answer = client.chat.completions.create(model="demo", messages=messages, tools=tools).choices[0]
print(answer.message.content)
