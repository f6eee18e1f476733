import type { VNode } from "preact";
import { ModelFacts } from "../chat/model";
import { useSurroundings } from "../context";
import { useLoading, type Loading } from "../ui/loading";
import { FailureNotice } from "../ui/notice";
import type { Model, ServerTool } from "../wire/types";
import { ToolCard } from "./tool";

/** What the token may use: models with their constraints, and the gateway's own tools, to run one by hand. */
export function ModelsView({ models }: { models: Loading<Model[]> }): VNode {
  const { gateway } = useSurroundings();
  const tools = useLoading<{ items: ServerTool[] }>((signal) => gateway.ask("/v1/tools", { signal }), [gateway]);
  return (
    <section class="view" aria-labelledby="models-title">
      <header class="head">
        <h1 id="models-title">Models and tools</h1>
        <button type="button" class="small" onClick={() => (models.reload(), tools.reload())}>
          Load again
        </button>
      </header>
      {models.failure !== null && <FailureNotice failure={models.failure} retry={models.reload} />}
      {models.value?.length === 0 && <p class="empty">No model may be used with this token.</p>}
      <ul class="entries" aria-label="Models">
        {models.value?.map((model) => (
          <li key={model.alias}>
            <div class="entry">
              <strong>
                <code>{model.alias}</code>
              </strong>
              <ModelFacts model={model} />
            </div>
          </li>
        ))}
      </ul>
      <h2>Tools of the gateway</h2>
      <p class="quiet">Models are offered these in stored chats. What you run here acts as you.</p>
      {tools.failure !== null && <FailureNotice failure={tools.failure} retry={tools.reload} />}
      {tools.value?.items.length === 0 && <p class="empty">This token may use no tools of the gateway.</p>}
      <ul class="entries" aria-label="Tools">
        {tools.value?.items.map((tool) => (
          <ToolCard key={tool.name} tool={tool} />
        ))}
      </ul>
    </section>
  );
}
