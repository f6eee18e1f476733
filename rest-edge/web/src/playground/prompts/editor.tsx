import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { bytesOf, count } from "../format";
import { useDoing } from "../ui/doing";
import { Field } from "../ui/field";
import { FailureNotice } from "../ui/notice";
import type { Level, Prompt } from "../wire/types";

/** Writes a new version of a prompt. It begins with the current one. */
export function Editor(props: {
  level: Level;
  current: Prompt | null;
  changed: () => void;
  unset: () => void;
  isBusy: boolean;
}): VNode {
  const { gateway } = useSurroundings();
  const loaded = props.current?.content ?? "";
  const version = props.current?.version ?? 0;
  const [content, setContent] = useState(loaded);
  const [saved, setSaved] = useState(loaded);
  const [note, setNote] = useState("");
  const doing = useDoing();
  const path = `/v1/system-prompts/${props.level}`;

  // Another version is shown once it is current, but never in place of what the reader is writing.
  useEffect(() => {
    setContent((content) => (content === saved ? loaded : content));
    setSaved(loaded);
  }, [version, loaded]);

  const submit = (event: Event) => {
    event.preventDefault();
    void doing.run(async () => {
      const written = await gateway.ask<Prompt>(path, {
        method: "PUT",
        body: { content, ...(note === "" ? {} : { note }) },
      });
      setNote("");
      setSaved(content);
      props.changed();
      return `Version ${written.version} is written and current.`;
    });
  };
  return (
    <form class="card" aria-label="Write a version" onSubmit={submit}>
      <Field
        label={`Prompt of the ${props.level}${version === 0 ? "" : `, from version ${version}`}`}
        hint={`${count(bytesOf(content))} bytes; a gateway takes 8,192 unless its operator says otherwise`}
        control={(tied) => (
          <textarea
            {...tied}
            data-param="content"
            rows={10}
            value={content}
            placeholder="Nothing is current. What you write here goes before the chats."
            onInput={(event) => setContent(event.currentTarget.value)}
          />
        )}
      />
      <Field
        label="Note"
        hint="Why, for those who come later"
        control={(tied) => (
          <input
            {...tied}
            type="text"
            data-param="note"
            value={note}
            onInput={(event) => setNote(event.currentTarget.value)}
          />
        )}
      />
      {doing.failure !== null && <FailureNotice failure={doing.failure} />}
      <div class="actions">
        {version !== 0 && (
          <button type="button" disabled={props.isBusy} onClick={props.unset}>
            Unset
          </button>
        )}
        <button type="submit" class="primary" disabled={doing.isBusy || content === "" || content === saved}>
          Save as new version
        </button>
      </div>
    </form>
  );
}
