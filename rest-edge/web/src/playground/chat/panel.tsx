import type { VNode } from "preact";
import { Field } from "../ui/field";
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
  const field = (name: keyof Parameters, label: string, hint: string, extra: Partial<ParameterProps> = {}) => (
    <Parameter
      name={name}
      label={label}
      hint={hint}
      problem={problems[name]}
      value={String(value[name])}
      set={(text) => set({ [name]: text })}
      {...extra}
    />
  );
  return (
    <div class="panel">
      <p class="hint">Only what is set is sent.</p>
      <div class="pair">
        {field("temperature", "Temperature", "0 to 2", { isNumber: true })}
        {field("top_p", "Top p", "0 to 1", { isNumber: true })}
        {field("max_tokens", "Max tokens", floor == null ? "Of the answer" : `Raised to ${floor} if less`, {
          isNumber: true,
        })}
        {field("seed", "Seed", "A whole number", { isNumber: true })}
      </div>
      {field("stop", "Stop", "One sequence a line", { rows: 2 })}
      <Field
        label="Reasoning effort"
        control={(tied) => (
          <select
            {...tied}
            data-param="reasoning_effort"
            value={value.reasoning_effort}
            onChange={(event) => set({ reasoning_effort: event.currentTarget.value })}
          >
            {EFFORTS.map((effort) => (
              <option key={effort} value={effort}>
                {effort || "As usual"}
              </option>
            ))}
          </select>
        )}
      />
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
        <input
          type="checkbox"
          checked={value.isKeyed}
          onChange={(event) => set({ isKeyed: event.currentTarget.checked })}
        />
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

interface ParameterProps {
  name: string;
  label: string;
  hint: string;
  problem: string | undefined;
  value: string;
  set: (text: string) => void;
  isNumber: boolean;
  rows: number;
}

/** One parameter: a line, or a few where `rows` says how many. */
function Parameter(props: Omit<ParameterProps, "isNumber" | "rows"> & Partial<ParameterProps>): VNode {
  const { problem, rows } = props;
  const shared = {
    "data-param": props.name,
    "aria-invalid": problem !== undefined,
    spellcheck: false,
    value: props.value,
    onInput: (event: Event & { currentTarget: HTMLInputElement | HTMLTextAreaElement }) =>
      props.set(event.currentTarget.value),
  };
  return (
    <Field
      label={props.label}
      hint={problem ?? props.hint}
      isProblem={problem !== undefined}
      control={(tied) =>
        rows === undefined ? (
          <input
            {...tied}
            type="text"
            inputMode={props.isNumber === true ? "decimal" : "text"}
            autocomplete="off"
            {...shared}
          />
        ) : (
          <textarea {...tied} rows={rows} {...shared} />
        )
      }
    />
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
