const answer = await fetch("http://127.0.0.1:8080/v1/info", {
  headers: { Authorization: `Bearer ${process.env.TOKEN}` },
});
const { models } = await answer.json();
for (const model of models) {
  console.log(model.alias, model.context_window, model.tools ? "tools" : "no tools");
}
