import { randomUUID } from "node:crypto";

const key = randomUUID();

async function turn(message: string) {
  const answer = await fetch("http://127.0.0.1:8080/c1/chat", {
    method: "POST",
    headers: {
      Authorization: `Bearer ${process.env.TOKEN}`,
      "Content-Type": "application/json",
      "Idempotency-Key": key,
    },
    body: JSON.stringify({ model: "demo", message }),
  });
  return answer.json();
}

// The same request under the same key gets the stored answer.
const [first, second] = [await turn("Hello"), await turn("Hello")];
console.log("same answer:", first.id === second.id);

// Another request under this key is refused.
const { error } = await turn("Goodbye");
console.log("another request:", error.code, error.param);
