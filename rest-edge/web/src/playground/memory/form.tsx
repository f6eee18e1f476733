import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { bytesOf, count } from "../format";
import { useDoing } from "../ui/doing";
import { Field } from "../ui/field";
import { FailureNotice } from "../ui/notice";
import type { MemoryEntry, Visibility } from "../wire/types";

/** Writes an entry: a new one, or another value under a key that is there. */
export function EntryForm(props: {
  visibility: Visibility;
  edited: MemoryEntry | null;
  close: () => void;
  changed: () => void;
}): VNode {
  const { gateway } = useSurroundings();
  const [key, setKey] = useState(props.edited?.key ?? "");
  const [value, setValue] = useState(props.edited?.value ?? "");
  const doing = useDoing();
  const isEdit = props.edited !== null;
  const submit = (event: Event) => {
    event.preventDefault();
    void doing.run(async () => {
      await gateway.ask("/v1/memory", { method: "POST", body: { key, value, visibility: props.visibility } });
      setKey("");
      setValue("");
      props.close();
      props.changed();
      return `“${key}” is remembered.`;
    });
  };
  return (
    <form class="card" aria-label={isEdit ? "Edit an entry" : "Add an entry"} onSubmit={submit}>
      <Field
        label="Key"
        control={(tied) => (
          <input
            {...tied}
            type="text"
            data-param="key"
            required
            readOnly={isEdit}
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        )}
      />
      <Field
        label="Value"
        hint={`${count(bytesOf(key) + bytesOf(value))} bytes of the bucket`}
        control={(tied) => (
          <textarea
            {...tied}
            data-param="value"
            rows={2}
            autofocus={isEdit}
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        )}
      />
      {doing.failure !== null && <FailureNotice failure={doing.failure} />}
      <div class="actions">
        {isEdit && (
          <button type="button" onClick={props.close}>
            Cancel
          </button>
        )}
        <button type="submit" class="primary" disabled={doing.isBusy || key === ""}>
          {isEdit ? "Save" : "Remember"}
        </button>
      </div>
    </form>
  );
}
