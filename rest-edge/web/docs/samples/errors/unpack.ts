import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: process.env.TOKEN });

try {
  await client.chat.completions.create({
    model: "demo",
    messages: [{ role: "user", content: "Hello" }],
    temperature: 3,
  });
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  console.log(error.status, error.code, error.param);
  console.log(error.message);
  console.log("for the operator:", error.requestID);
}
