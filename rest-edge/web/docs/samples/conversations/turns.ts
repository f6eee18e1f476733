import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/c1", apiKey: process.env.TOKEN });

// The first turn begins the conversation, and a header names it.
const { response } = await client.chat.completions
  .create({ model: "demo", messages: [{ role: "user", content: "My name is Ann" }] })
  .withResponse();
const conversation = { conversation_id: response.headers.get("x-conversation-id") };

// The next one says only what is new.
const second = await client.chat.completions.create({
  model: "demo",
  messages: [{ role: "user", content: "/recall" }],
  ...conversation,
});
console.log(second.choices[0].message.content);
