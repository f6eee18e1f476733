import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

/** A modal dialog that is open as long as it is rendered. The browser keeps the focus in it, and gives it back. */
export function Dialog(props: {
  title: string;
  close: () => void;
  isWide?: boolean;
  children: ComponentChildren;
}): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} aria-labelledby={title} class={props.isWide === true ? "wide" : ""} onCancel={props.close}>
      <header>
        <h2 id={title}>{props.title}</h2>
        <button type="button" class="small plain" aria-label="Close" onClick={props.close}>
          ✕
        </button>
      </header>
      {props.children}
    </dialog>
  );
}

/** Asks before something is done that cannot be undone. */
export function Confirm(props: {
  title: string;
  children: ComponentChildren;
  verb: string;
  confirm: () => void;
  close: () => void;
}): VNode {
  const yes = () => {
    props.close();
    props.confirm();
  };
  return (
    <Dialog title={props.title} close={props.close}>
      <p>{props.children}</p>
      <div class="actions">
        <button type="button" autofocus onClick={props.close}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={yes}>
          {props.verb}
        </button>
      </div>
    </Dialog>
  );
}
