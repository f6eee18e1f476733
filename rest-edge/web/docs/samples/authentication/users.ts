const gateway = "http://127.0.0.1:8080";
const authorization = { Authorization: `Bearer ${process.env.TOKEN}` };
const ann = { ...authorization, "SPASS-User-Id": "ann" };
const bob = { ...authorization, "SPASS-User-Id": "bob" };

// Ann begins a conversation.
const turn = await fetch(`${gateway}/c1/chat`, {
  method: "POST",
  headers: { ...ann, "Content-Type": "application/json" },
  body: JSON.stringify({ model: "demo", message: "Hello" }),
});
const conversation = turn.headers.get("x-conversation-id");
const list = await fetch(`${gateway}/c1/conversations`, { headers: ann });
console.log("ann:", (await list.json()).total);

// For Bob it does not exist.
const refused = await fetch(`${gateway}/c1/conversations/${conversation}`, { headers: bob });
console.log("bob:", (await refused.json()).error.message);
