import type { VNode } from "preact";
import { useId } from "preact/hooks";

/** One of a few, all of them in sight: radio buttons that look like one control. */
export function Segments<Value extends string>(props: {
  legend: string;
  value: Value;
  options: readonly (readonly [Value, string])[];
  choose: (value: Value) => void;
  isDisabled?: boolean;
}): VNode {
  const name = useId();
  return (
    <fieldset class="segments" disabled={props.isDisabled ?? false}>
      <legend class="hidden">{props.legend}</legend>
      {props.options.map(([value, label]) => (
        <label key={value}>
          <input type="radio" name={name} checked={value === props.value} onChange={() => props.choose(value)} />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
