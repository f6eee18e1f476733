import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: "sk-wrong" });

try {
  await client.models.list();
} catch (error) {
  if (!(error instanceof OpenAI.AuthenticationError)) throw error;
  console.log(error.status, error.code, error.message);
}
