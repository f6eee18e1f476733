import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { plural, when } from "../format";
import { Confirm } from "../ui/dialog";
import { useDoing } from "../ui/doing";
import { FailureNotice } from "../ui/notice";
import type { Loading } from "../ui/loading";
import type { Conversation, Page } from "../wire/types";
import { RenameDialog } from "./rename";
import { save } from "./save";

export function titleOf(conversation: Conversation): string {
  return conversation.title ?? `Conversation of ${when(conversation.created_at)}`;
}

/** The reader's conversations, newest first: to open, rename, export and delete. */
export function ConversationList(props: {
  loading: Loading<Page<Conversation>>;
  more: () => void;
  current: string;
  open: (id: string) => void;
  begin: () => void;
  deleted: (id: string) => void;
}): VNode {
  const { gateway } = useSurroundings();
  const { value, failure, reload } = props.loading;
  const doing = useDoing();
  const [renamed, setRenamed] = useState<Conversation | null>(null);
  const [doomed, setDoomed] = useState<Conversation | null>(null);

  const path = (conversation: Conversation) => `/c1/conversations/${conversation.id}`;
  const rename = (conversation: Conversation, title: string) =>
    doing.run(async () => {
      await gateway.ask(path(conversation), { method: "PATCH", body: { title: title === "" ? null : title } });
      setRenamed(null);
      reload();
      return "Renamed.";
    });
  const exportIt = (conversation: Conversation) =>
    doing.run(async () => {
      const answer = await gateway.send(`${path(conversation)}/export`);
      save(`conversation-${conversation.id}.json`, await answer.blob());
      return "Exported.";
    });
  const remove = (conversation: Conversation) =>
    doing.run(async () => {
      await gateway.ask(path(conversation), { method: "DELETE" });
      props.deleted(conversation.id);
      reload();
      return "Deleted.";
    });

  return (
    <>
      <button type="button" class="primary new" onClick={props.begin}>
        New chat
      </button>
      {failure !== null && <FailureNotice failure={failure} retry={reload} />}
      {doing.failure !== null && <FailureNotice failure={doing.failure} />}
      {value === null && failure === null && <p class="quiet">Loading conversations…</p>}
      {value?.items.length === 0 && (
        <p class="quiet">No conversations yet. What you say with “Stored” chosen is kept here.</p>
      )}
      <ul class="rows">
        {value?.items.map((conversation) => (
          <li key={conversation.id} class={conversation.id === props.current ? "current" : ""}>
            <button
              type="button"
              class="open"
              aria-current={conversation.id === props.current ? "true" : undefined}
              onClick={() => props.open(conversation.id)}
            >
              <span class="name">{titleOf(conversation)}</span>
              <small>
                {when(conversation.last_used_at)} · {plural(conversation.message_count, "message")}
              </small>
            </button>
            <div class="row-actions" role="group" aria-label={titleOf(conversation)}>
              <button
                type="button"
                class="small plain"
                disabled={doing.isBusy}
                onClick={() => setRenamed(conversation)}
              >
                Rename
              </button>
              <button type="button" class="small plain" disabled={doing.isBusy} onClick={() => exportIt(conversation)}>
                Export
              </button>
              <button type="button" class="small plain" disabled={doing.isBusy} onClick={() => setDoomed(conversation)}>
                Delete
              </button>
            </div>
          </li>
        ))}
      </ul>
      {value !== null && value.items.length < value.total && (
        <button type="button" onClick={props.more}>
          Show more of {value.total}
        </button>
      )}
      {renamed !== null && (
        <RenameDialog
          title={renamed.title ?? ""}
          isBusy={doing.isBusy}
          failure={doing.failure}
          rename={(title) => void rename(renamed, title)}
          close={() => (setRenamed(null), doing.clear())}
        />
      )}
      {doomed !== null && (
        <Confirm
          title="Delete this conversation?"
          verb="Delete"
          confirm={() => void remove(doomed)}
          close={() => setDoomed(null)}
        >
          “{titleOf(doomed)}” and its {plural(doomed.message_count, "message")} are deleted for good.
        </Confirm>
      )}
    </>
  );
}
