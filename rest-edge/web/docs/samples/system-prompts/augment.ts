import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: process.env.TOKEN });

const { data, response } = await client.chat.completions
  .create(
    { model: "demo", messages: [{ role: "user", content: "Hello" }] },
    { headers: { "SPASS-Augment": "system-prompt=off, memory=off" } },
  )
  .withResponse();
console.log(response.headers.get("spass-augment-applied"));
console.log(data.choices[0].message.content);
