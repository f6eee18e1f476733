import OpenAI from "openai";

const client = new OpenAI({ baseURL: "http://127.0.0.1:8080/v1", apiKey: process.env.TOKEN });
// Of a file: readFileSync("photo.gif", "base64")
const pixel = "R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==";

const completion = await client.chat.completions.create({
  model: "demo",
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "What is this?" },
        { type: "image_url", image_url: { url: `data:image/gif;base64,${pixel}` } },
      ],
    },
  ],
});
console.log(completion.choices[0].message.content);
