import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: process.env.TOKEN });

const completion = await client.chat.completions.create({
  model: "demo",
  messages: [
    { role: "system", content: "Answer in one sentence." },
    { role: "user", content: "What can you do?" },
  ],
  max_completion_tokens: 200,
});
const [choice] = completion.choices;
console.log(choice.message.content);
console.log(choice.finish_reason, completion.usage?.total_tokens);
