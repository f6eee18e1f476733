import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: process.env.TOKEN });

const { response } = await client.chat.completions
  .create(
    { model: "demo", messages: [{ role: "user", content: "Hello" }], max_tokens: 1 },
    { headers: { "X-Request-Id": "import-42" } },
  )
  .withResponse();
for (const name of ["x-request-id", "spass-applied", "spass-resolved-model"]) {
  console.log(name, response.headers.get(name));
}
