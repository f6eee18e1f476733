import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: process.env.TOKEN });

const stream = await client.chat.completions.create({
  model: "demo",
  // The demo breaks off in the middle.
  messages: [{ role: "user", content: "/cut Hello" }],
  stream: true,
});
try {
  for await (const chunk of stream) {
    process.stdout.write(chunk.choices[0].delta.content ?? "");
  }
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  console.log("\nbroken off:", error.code, error.message);
}
