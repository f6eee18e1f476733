async function prompts(method: string, path: string, body?: object) {
  const answer = await fetch(`http://127.0.0.1:8080/v1/system-prompts/${path}`, {
    method,
    headers: { Authorization: `Bearer ${process.env.TOKEN}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  return answer.status === 204 ? undefined : answer.json();
}

const first = await prompts("PUT", "user", { content: "Answer in one sentence.", note: "first try" });
const second = await prompts("PUT", "user", { content: "Answer in French." });
console.log(second.version, second.content);

// Back to the first, which is kept as every version is.
await prompts("PUT", `user/current/${first.version}`);
console.log("in use:", (await prompts("GET", "effective")).content);

// From now on there is none.
await prompts("DELETE", "user");
