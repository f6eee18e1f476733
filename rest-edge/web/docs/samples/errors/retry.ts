import OpenAI from "openai";

// The SDK obeys x-should-retry and Retry-After by itself; maxRetries: 0 leaves it to you.
const client = new OpenAI({
  baseURL: "http://127.0.0.1:8080/v1",
  apiKey: process.env.TOKEN,
  maxRetries: 0,
});

try {
  // The demo plays a model whose quota is used up.
  await client.chat.completions.create({
    model: "demo",
    messages: [{ role: "user", content: "/error model_quota_exhausted" }],
  });
} catch (error) {
  if (!(error instanceof OpenAI.APIError)) throw error;
  if (error.headers?.get("x-should-retry") === "true") {
    console.log(`${error.code}, again in ${error.headers.get("retry-after")} s`);
  } else {
    console.log(`${error.code}, do not send it again`);
  }
}
