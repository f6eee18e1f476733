import type { VNode } from "preact";
import { when } from "../format";
import type { MemoryEntry } from "../wire/types";

export function EntryRow(props: { entry: MemoryEntry; edit: () => void; remove: () => void; isBusy: boolean }): VNode {
  const { entry } = props;
  return (
    <li aria-label={entry.key}>
      <div class="entry">
        <strong>{entry.key}</strong>
        <p class="own">{entry.value}</p>
        <small>
          {entry.origin.kind === "tool" ? "Written by a tool" : "Written by hand"}, {when(entry.updated_at)}
        </small>
      </div>
      <div class="row-actions">
        <button
          type="button"
          class="small"
          aria-label={`Edit ${entry.key}`}
          disabled={props.isBusy}
          onClick={props.edit}
        >
          Edit
        </button>
        <button
          type="button"
          class="small"
          aria-label={`Forget ${entry.key}`}
          disabled={props.isBusy}
          onClick={props.remove}
        >
          Forget
        </button>
      </div>
    </li>
  );
}
