import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { useDoing } from "../ui/doing";
import { Field } from "../ui/field";
import { FailureNotice } from "../ui/notice";
import type { ServerTool } from "../wire/types";

interface Executed {
  result: unknown;
  is_error: boolean;
}

/** A tool of the gateway, and a form to run it. */
export function ToolCard({ tool }: { tool: ServerTool }): VNode {
  const { gateway } = useSurroundings();
  const [text, setText] = useState("{}");
  const [problem, setProblem] = useState("");
  const [executed, setExecuted] = useState<Executed | null>(null);
  const doing = useDoing();
  const submit = (event: Event) => {
    event.preventDefault();
    setExecuted(null);
    let given: unknown;
    try {
      given = JSON.parse(text);
    } catch (error) {
      return setProblem(`This is not JSON: ${error instanceof Error ? error.message : ""}`);
    }
    setProblem("");
    void doing.run(async () => {
      setExecuted(
        await gateway.ask("/v1/tools/execute", { method: "POST", body: { name: tool.name, arguments: given } }),
      );
      return `${tool.name} has run.`;
    });
  };
  return (
    <li>
      <div class="entry">
        <strong>
          <code>{tool.name}</code>
        </strong>
        <p>{tool.description}</p>
        <details>
          <summary>Parameters, and run it</summary>
          <pre tabIndex={0} aria-label={`Parameters of ${tool.name}`}>
            {JSON.stringify(tool.parameters, null, 2)}
          </pre>
          <form onSubmit={submit} aria-label={`Run ${tool.name}`}>
            <Field
              label="Arguments, as JSON"
              hint={problem}
              isProblem
              control={(tied) => (
                <textarea
                  {...tied}
                  rows={2}
                  spellcheck={false}
                  aria-invalid={problem !== ""}
                  value={text}
                  onInput={(event) => setText(event.currentTarget.value)}
                />
              )}
            />
            <div class="actions">
              <button type="submit" disabled={doing.isBusy}>
                Run
              </button>
            </div>
          </form>
          {doing.failure !== null && <FailureNotice failure={doing.failure} />}
          {executed !== null && (
            <>
              <p class="label">{executed.is_error ? "It failed" : "Result"}</p>
              <pre tabIndex={0} aria-label={`Result of ${tool.name}`}>
                {JSON.stringify(executed.result, null, 2)}
              </pre>
            </>
          )}
        </details>
      </div>
    </li>
  );
}
