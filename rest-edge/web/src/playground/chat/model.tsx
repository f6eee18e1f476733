import type { VNode } from "preact";
import { count } from "../format";
import type { Loading } from "../ui/loading";
import type { Model } from "../wire/types";

/** What is known of a model, in a few words each; what is not known is not said. */
export function constraintsOf(model: Model): string[] {
  const { modalities, constraints } = model;
  const known = [
    model.family,
    model.context_window === null ? null : `${count(model.context_window)} tokens of context`,
    model.max_output_tokens === null ? null : `at most ${count(model.max_output_tokens)} out`,
    constraints.min_max_tokens === null ? null : `max_tokens at least ${count(constraints.min_max_tokens)}`,
    modalities === null ? null : `${modalities.input.join(", ")} → ${modalities.output.join(", ")}`,
    modalities?.input.includes("image") === true
      ? constraints.accepts_image_url
        ? "images by URL too"
        : "images as data only"
      : null,
    model.tools === null ? null : model.tools ? "tools" : "no tools",
    model.reasoning === true ? "reasoning" : null,
    constraints.typical_response_seconds === null ? null : `about ${constraints.typical_response_seconds} s`,
  ];
  return known.filter((fact) => fact !== null);
}

export function ModelFacts({ model }: { model: Model }): VNode {
  return (
    <ul class="chips" aria-label={`What ${model.alias} can do`}>
      {constraintsOf(model).map((fact) => (
        <li key={fact}>{fact}</li>
      ))}
    </ul>
  );
}

/** Which model is asked: one of the list, or one that the reader names where the list may not be read. */
export function ModelChoice(props: {
  models: Loading<Model[]>;
  alias: string;
  choose: (alias: string) => void;
}): VNode {
  const { value, failure } = props.models;
  return (
    <label class="model">
      <span class="hidden">Model</span>
      {value === null && failure !== null ? (
        <input
          type="text"
          data-param="model"
          placeholder="Name of a model"
          value={props.alias}
          onInput={(event) => props.choose(event.currentTarget.value.trim())}
        />
      ) : (
        <select
          data-param="model"
          value={props.alias}
          disabled={value === null}
          onChange={(event) => props.choose(event.currentTarget.value)}
        >
          {value === null && <option value="">Loading models…</option>}
          {value?.map(({ alias }) => (
            <option key={alias} value={alias}>
              {alias}
            </option>
          ))}
        </select>
      )}
    </label>
  );
}
