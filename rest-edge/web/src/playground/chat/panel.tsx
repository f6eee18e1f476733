import type { VNode } from "preact";
import { useId } from "preact/hooks";
import type { Model } from "../wire/types";
import { NO_PARAMETERS, readParameters, type Parameters, type Switch } from "./parameters";

const SWITCH = [
  ["", "As usual"],
  ["on", "On"],
  ["off", "Off"],
] as const;

const EFFORTS = ["", "none", "minimal", "low", "medium", "high"] as const;

const TOOLS_EXAMPLE = `[{"type": "function", "function": {"name": "weather",
  "description": "The weather of a city", "parameters": {"type": "object",
  "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]`;

/** The parameters; only what is set here is sent. */
export function Panel(props: { model: Model | null; value: Parameters; change: (value: Parameters) => void }): VNode {
  const { value } = props;
  const { problems } = readParameters(value);
  const set = (part: Partial<Parameters>) => props.change({ ...value, ...part });
  const floor = props.model?.constraints.min_max_tokens;
  const field = (name: keyof Parameters, label: string, hint: string, extra: Partial<FieldProps> = {}) => (
    <Field name={name} label={label} hint={hint} problem={problems[name]} value={String(value[name])} set={(text) => set({ [name]: text })} {...extra} />
  );
  return (
    <div class="panel">
      <p class="hint">Only what is set is sent.</p>
      <div class="pair">
        {field("temperature", "Temperature", "0 to 2", { isNumber: true })}
        {field("top_p", "Top p", "0 to 1", { isNumber: true })}
        {field("max_tokens", "Max tokens", floor == null ? "Of the answer" : `Raised to ${floor} if less`, { isNumber: true })}
        {field("seed", "Seed", "A whole number", { isNumber: true })}
      </div>
      {field("stop", "Stop", "One sequence a line", { rows: 2 })}
      <label class="field">
        <span>Reasoning effort</span>
        <select data-param="reasoning_effort" value={value.reasoning_effort} onChange={(event) => set({ reasoning_effort: event.currentTarget.value })}>
          {EFFORTS.map((effort) => (
            <option key={effort} value={effort}>
              {effort || "As usual"}
            </option>
          ))}
        </select>
      </label>
      {field("instructions", "Instructions", "A system message of this request; it is never stored", { rows: 2 })}
      {field("response_format", "Response format", 'JSON, as in {"type": "json_object"}', { rows: 2 })}
      {field("tools", "Your tools", "A JSON array; you give the results", { rows: 4 })}
      <button type="button" class="small" onClick={() => set({ tools: TOOLS_EXAMPLE })}>
        Fill in an example tool
      </button>
      <fieldset>
        <legend>What the gateway adds</legend>
        <Choice label="System prompts" value={value.systemPrompt} set={(systemPrompt) => set({ systemPrompt })} />
        <Choice label="Memory" value={value.memory} set={(memory) => set({ memory })} />
        <Choice label="Its own tools" value={value.serverTools} set={(serverTools) => set({ serverTools })} />
      </fieldset>
      <label class="check">
        <input type="checkbox" checked={value.isKeyed} onChange={(event) => set({ isKeyed: event.currentTarget.checked })} />
        <span>
          Send an <code>Idempotency-Key</code>
          <small>A retry is answered once, but an answer that you stop runs on at the gateway.</small>
        </span>
      </label>
      <button type="button" onClick={() => props.change(NO_PARAMETERS)}>
        Reset all
      </button>
    </div>
  );
}

interface FieldProps {
  name: string;
  label: string;
  hint: string;
  problem: string | undefined;
  value: string;
  set: (text: string) => void;
  isNumber: boolean;
  rows: number;
}

function Field(props: Omit<FieldProps, "isNumber" | "rows"> & Partial<FieldProps>): VNode {
  const hint = useId();
  const shared = {
    "data-param": props.name,
    "aria-describedby": hint,
    "aria-invalid": props.problem !== undefined,
    spellcheck: false,
    value: props.value,
    onInput: (event: Event & { currentTarget: HTMLInputElement | HTMLTextAreaElement }) => props.set(event.currentTarget.value),
  };
  return (
    <label class="field">
      <span>{props.label}</span>
      {props.rows === undefined ? (
        <input type="text" inputMode={props.isNumber === true ? "decimal" : "text"} autocomplete="off" {...shared} />
      ) : (
        <textarea rows={props.rows} {...shared} />
      )}
      <small id={hint} class={props.problem === undefined ? "" : "problem"}>
        {props.problem ?? props.hint}
      </small>
    </label>
  );
}

function Choice(props: { label: string; value: Switch; set: (value: Switch) => void }): VNode {
  return (
    <label class="choice">
      <span>{props.label}</span>
      <select value={props.value} onChange={(event) => props.set(event.currentTarget.value as Switch)}>
        {SWITCH.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}
