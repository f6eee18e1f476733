import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { plural } from "../format";
import { Confirm } from "../ui/dialog";
import { useDoing } from "../ui/doing";
import { useLoading } from "../ui/loading";
import { FailureNotice } from "../ui/notice";
import { Segments } from "../ui/segments";
import { withQuery } from "../wire/gateway";
import type { MemoryEntry, MemoryUsage, Page, Visibility } from "../wire/types";
import { EntryForm } from "./form";
import { EntryRow } from "./row";
import { UsageBar } from "./usage";

const BUCKETS = [
  ["private", "Private"],
  ["public", "Public"],
] as const;

/** What is remembered: for one user, and for all users of the scope. */
export function MemoryView(): VNode {
  const { gateway } = useSurroundings();
  const [visibility, setVisibility] = useState<Visibility>("private");
  const [limit, setLimit] = useState(20);
  const [edited, setEdited] = useState<MemoryEntry | null>(null);
  const [doomed, setDoomed] = useState<MemoryEntry | null>(null);
  const doing = useDoing();
  const list = useLoading<Page<MemoryEntry>>(
    (signal) => gateway.ask(withQuery("/v1/memory", { visibility, limit }), { signal }),
    [gateway, visibility, limit],
  );
  const usage = useLoading<MemoryUsage>(
    (signal) => gateway.ask(withQuery("/v1/memory/usage", { visibility }), { signal }),
    [gateway, visibility],
  );
  const changed = () => {
    list.reload();
    usage.reload();
  };
  const remove = (entry: MemoryEntry) =>
    doing.run(async () => {
      await gateway.ask(withQuery("/v1/memory", { visibility: entry.visibility, key: entry.key }), {
        method: "DELETE",
      });
      changed();
      return `“${entry.key}” is forgotten.`;
    });
  const choose = (visibility: Visibility) => {
    setVisibility(visibility);
    setLimit(20);
    setEdited(null);
  };

  return (
    <section class="view" aria-labelledby="memory-title">
      <header class="head">
        <h1 id="memory-title">Memory</h1>
        <Segments legend="Bucket" value={visibility} options={BUCKETS} choose={choose} />
      </header>
      <p class="quiet">
        {visibility === "private"
          ? "What chats of this user know in this scope."
          : "What chats of all users of this scope know."}{" "}
        Models get it as data; the scope and the user are those of the session.
      </p>
      {usage.value !== null && <UsageBar usage={usage.value} />}
      {usage.failure !== null && list.failure === null && (
        <FailureNotice failure={usage.failure} retry={usage.reload} />
      )}
      <EntryForm
        key={`${visibility} ${edited?.key ?? ""}`}
        visibility={visibility}
        edited={edited}
        close={() => setEdited(null)}
        changed={changed}
      />
      {doing.failure !== null && <FailureNotice failure={doing.failure} />}
      {list.failure !== null && <FailureNotice failure={list.failure} retry={list.reload} />}
      {list.value === null && list.failure === null && <p class="quiet">Loading…</p>}
      {list.value?.total === 0 && (
        <p class="empty">Nothing is remembered here yet. Add something above, or ask a model to remember it.</p>
      )}
      <ul class="entries" aria-label="Entries">
        {list.value?.items.map((entry) => (
          <EntryRow
            key={entry.key}
            entry={entry}
            edit={() => setEdited(entry)}
            remove={() => setDoomed(entry)}
            isBusy={doing.isBusy}
          />
        ))}
      </ul>
      {list.value !== null && list.value.items.length < Math.min(list.value.total, 100) && (
        <button type="button" onClick={() => setLimit(100)}>
          Show more of {plural(list.value.total, "entry").replace("entrys", "entries")}
        </button>
      )}
      {doomed !== null && (
        <Confirm title="Forget this?" verb="Forget" confirm={() => void remove(doomed)} close={() => setDoomed(null)}>
          “{doomed.key}” is deleted for {doomed.visibility === "public" ? "all users of the scope." : "this user."}
        </Confirm>
      )}
    </section>
  );
}
