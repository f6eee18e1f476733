import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { FailureNotice } from "../ui/notice";
import type { Failure } from "../wire/failure";

export function RenameDialog(props: {
  title: string;
  isBusy: boolean;
  failure: Failure | null;
  rename: (title: string) => void;
  close: () => void;
}): VNode {
  const [title, setTitle] = useState(props.title);
  const submit = (event: Event) => {
    event.preventDefault();
    props.rename(title.trim());
  };
  return (
    <Dialog title="Rename the conversation" close={props.close}>
      <form onSubmit={submit}>
        <Field
          label="Title"
          hint="Left empty, it has none."
          control={(tied) => (
            <input
              {...tied}
              type="text"
              data-param="title"
              autofocus
              value={title}
              onInput={(event) => setTitle(event.currentTarget.value)}
            />
          )}
        />
        {props.failure !== null && <FailureNotice failure={props.failure} />}
        <div class="actions">
          <button type="button" onClick={props.close}>
            Cancel
          </button>
          <button type="submit" class="primary" disabled={props.isBusy}>
            Rename
          </button>
        </div>
      </form>
    </Dialog>
  );
}
