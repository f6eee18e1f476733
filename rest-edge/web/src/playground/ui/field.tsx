import type { ComponentChildren, VNode } from "preact";
import { useId } from "preact/hooks";

/** What ties a control to its label and its hint. */
export interface Tied {
  id: string;
  "aria-describedby": string;
}

/** A control with its name, and below it what to know of it, which describes the control and is no part of its name. */
export function Field(props: {
  label: ComponentChildren;
  hint?: ComponentChildren;
  isProblem?: boolean;
  control: (tied: Tied) => VNode;
}): VNode {
  const id = useId();
  const hint = `${id}-hint`;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.control({ id, "aria-describedby": hint })}
      <small id={hint} class={props.isProblem === true ? "problem" : ""}>
        {props.hint}
      </small>
    </div>
  );
}
