import openai

client = openai.OpenAI(base_url="http://127.0.0.1:8080/v1", api_key="sk-wrong")

try:
    client.models.list()
except openai.AuthenticationError as error:
    print(error.status_code, error.code, error.message)
