async function call(method: string, path: string, body?: object): Promise<Response> {
  return fetch(`http://127.0.0.1:8080/c1${path}`, {
    method,
    headers: { Authorization: `Bearer ${process.env.TOKEN}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
}

const turn = await call("POST", "/chat", { model: "demo", message: "My name is Ann" });
const conversation = `/conversations/${turn.headers.get("x-conversation-id")}`;

await call("PATCH", conversation, { title: "Trip to Rome", metadata: { folder: "travel" } });
for (const row of (await (await call("GET", "/conversations?limit=10")).json()).items) {
  console.log(row.id, row.title, row.message_count);
}
for (const message of (await (await call("GET", `${conversation}/messages`)).json()).items) {
  console.log(message.sequence, message.role, message.content);
}
await call("DELETE", conversation);
console.log("gone:", (await call("GET", conversation)).headers.get("x-error-code"));
