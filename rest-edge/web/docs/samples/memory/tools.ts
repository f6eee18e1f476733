import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/c1", apiKey: process.env.TOKEN });

// Three conversations: what is remembered is not tied to one.
const messages = [
  "Please remember that my cat is called Mia",
  "What is my cat called?",
  "Forget my cat",
];
for (const content of messages) {
  const answer = await client.chat.completions.create({
    model: "demo",
    messages: [{ role: "user", content }],
  });
  console.log(answer.choices[0].message.content);
}
