import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { pretty } from "../format";
import type { Call } from "./answer";

/** A call of a tool: what the model asked for, who runs it, and what it gave. */
export function CallCard({ call, isRunning }: { call: Call; isRunning: boolean }): VNode {
  const waits = call.result === null;
  return (
    <section class="call" aria-label={`Tool call ${call.name}`}>
      <header>
        <strong>
          <code>{call.name}</code>
        </strong>
        <span class="tag">{call.by === "gateway" ? "run by the gateway" : "yours to run"}</span>
        {waits && <span class="tag">{isRunning ? "being asked for" : "waits for a result"}</span>}
      </header>
      <pre tabIndex={0} aria-label={`Arguments of ${call.name}`}>
        {pretty(call.arguments) || "no arguments"}
      </pre>
      {call.result !== null && (
        <>
          <p class="label">Result</p>
          <pre tabIndex={0} aria-label={`Result of ${call.name}`}>
            {pretty(call.result)}
          </pre>
        </>
      )}
    </section>
  );
}

/** The reader plays the caller, whose tools these are. */
export function ResultsForm({ calls, send }: { calls: Call[]; send: (results: string[]) => void }): VNode {
  const [results, setResults] = useState<string[]>(() => calls.map(() => ""));
  const submit = (event: Event) => {
    event.preventDefault();
    send(results);
  };
  return (
    <form class="results" aria-label="Results of the tools" onSubmit={submit}>
      {calls.map((call, index) => (
        <label key={call.id}>
          <span>
            What <code>{call.name}</code> gives
          </span>
          <textarea
            rows={2}
            required
            value={results[index]}
            onInput={(event) =>
              setResults(results.map((text, other) => (other === index ? event.currentTarget.value : text)))
            }
          />
        </label>
      ))}
      <div class="actions">
        <button type="submit" class="primary">
          Send {calls.length === 1 ? "result" : "results"}
        </button>
      </div>
    </form>
  );
}
