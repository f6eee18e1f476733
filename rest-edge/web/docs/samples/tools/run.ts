const headers = {
  Authorization: `Bearer ${process.env.TOKEN}`,
  "Content-Type": "application/json",
};

const tools = await (await fetch("http://127.0.0.1:8080/v1/tools", { headers })).json();
for (const tool of tools.items) {
  console.log(tool.name, "-", tool.description);
}

const answer = await fetch("http://127.0.0.1:8080/v1/tools/execute", {
  method: "POST",
  headers,
  body: JSON.stringify({ name: "list_models", arguments: {} }),
});
const { is_error, result } = await answer.json();
console.log(is_error ? "failed" : "gave", JSON.stringify(result));
