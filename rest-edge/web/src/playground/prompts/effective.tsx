import type { VNode } from "preact";
import { useSurroundings } from "../context";
import { count } from "../format";
import { useLoading } from "../ui/loading";
import { FailureNotice } from "../ui/notice";
import type { EffectivePrompt } from "../wire/types";

/** What a chat would get now, in its order. */
export function EffectiveStack(): VNode {
  const { gateway } = useSurroundings();
  const { value, failure, reload } = useLoading<EffectivePrompt>(
    (signal) => gateway.ask("/v1/system-prompts/effective", { signal }),
    [gateway],
  );
  if (failure !== null) return <FailureNotice failure={failure} retry={reload} />;
  if (value === null) return <p class="quiet">Loading…</p>;
  if (value.levels.length === 0)
    return <p class="empty">No level has a current version: a chat gets no system prompt from the gateway.</p>;
  return (
    <>
      <p class="quiet">What a chat of this user in this scope gets before its own messages, in this order.</p>
      <ol class="stack" aria-label="Effective stack">
        {value.levels.map((prompt) => (
          <li key={prompt.level}>
            <header>
              <strong>{prompt.level}</strong>
              <span class="tag">version {prompt.version}</span>
              <span class="quiet">{count(prompt.size_bytes)} bytes</span>
            </header>
            {prompt.content === undefined ? (
              <p class="quiet">This token may not read it.</p>
            ) : (
              <pre tabIndex={0} aria-label={`Prompt of the ${prompt.level}`}>
                {prompt.content}
              </pre>
            )}
          </li>
        ))}
      </ol>
    </>
  );
}
