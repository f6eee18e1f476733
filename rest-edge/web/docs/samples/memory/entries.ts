async function call(method: string, path: string, body?: object) {
  const answer = await fetch(`http://127.0.0.1:8080/v1/memory${path}`, {
    method,
    headers: { Authorization: `Bearer ${process.env.TOKEN}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return answer.json();
}

await call("POST", "", { key: "colour", value: "teal", visibility: "private" });
for (const entry of (await call("GET", "?visibility=private")).items) {
  console.log(entry.key, entry.value, entry.origin.kind);
}
console.log("bytes left:", (await call("GET", "/usage?visibility=private")).remaining_bytes);

console.log("deleted:", (await call("DELETE", "?visibility=private&key=colour")).deleted);
console.log((await call("GET", "/entry?visibility=private&key=colour")).error.code);
