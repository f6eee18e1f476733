import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: process.env.TOKEN });

function getWeather({ city }: { city: string }) {
  return `18 degrees in ${city}`;
}

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools: OpenAI.ChatCompletionTool[] = [
  { type: "function", function: { name: "get_weather", parameters } },
];

// The demo plays a model that wants a tool.
const messages: OpenAI.ChatCompletionMessageParam[] = [
  { role: "user", content: '/tool get_weather {"city": "Rome"}' },
];
let [answer] = (await client.chat.completions.create({ model: "demo", messages, tools })).choices;
while (answer.finish_reason === "tool_calls") {
  messages.push(answer.message);
  for (const call of answer.message.tool_calls ?? []) {
    if (call.type !== "function") continue;
    const content = getWeather(JSON.parse(call.function.arguments));
    messages.push({ role: "tool", tool_call_id: call.id, content });
  }
  [answer] = (await client.chat.completions.create({ model: "demo", messages, tools })).choices;
}
console.log(answer.message.content);
