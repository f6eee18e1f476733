import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { count, when } from "../format";
import { Confirm } from "../ui/dialog";
import type { Prompt } from "../wire/types";

/** All versions of a prompt, newest first. */
export function Versions(props: {
  versions: Prompt[];
  isBusy: boolean;
  compare: (version: number) => void;
  makeCurrent: (version: number) => void;
  remove: (version: number) => void;
}): VNode {
  const [doomed, setDoomed] = useState<number | null>(null);
  if (props.versions.length === 0) return <p class="empty">No versions yet.</p>;
  return (
    <>
      <h2>Versions</h2>
      <ul class="entries" aria-label="Versions">
        {props.versions.map((prompt) => {
          const { version } = prompt;
          return (
            <li key={version} aria-label={`Version ${version}`}>
              <div class="entry">
                <strong>Version {version}</strong> {prompt.is_current && <span class="tag good">current</span>}
                {prompt.note !== undefined && <p class="own">{prompt.note}</p>}
                <small>
                  {when(prompt.created_at)} · {count(prompt.size_bytes)} bytes · by{" "}
                  {prompt.author_user_id ?? prompt.author_token_id}
                </small>
              </div>
              <div class="row-actions">
                <button
                  type="button"
                  class="small"
                  aria-label={`Compare version ${version}`}
                  onClick={() => props.compare(version)}
                >
                  Compare
                </button>
                {!prompt.is_current && (
                  <>
                    <button
                      type="button"
                      class="small"
                      aria-label={`Make version ${version} current`}
                      disabled={props.isBusy}
                      onClick={() => props.makeCurrent(version)}
                    >
                      Make current
                    </button>
                    <button
                      type="button"
                      class="small"
                      aria-label={`Delete version ${version}`}
                      disabled={props.isBusy}
                      onClick={() => setDoomed(version)}
                    >
                      Delete
                    </button>
                  </>
                )}
              </div>
            </li>
          );
        })}
      </ul>
      {doomed !== null && (
        <Confirm
          title={`Delete version ${doomed}?`}
          verb="Delete"
          confirm={() => props.remove(doomed)}
          close={() => setDoomed(null)}
        >
          Its text is deleted for good, and its number is never used again.
        </Confirm>
      )}
    </>
  );
}
