import type { VNode } from "preact";
import { count } from "../format";
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
    modalities?.input.includes("image") === true ? (constraints.accepts_image_url ? "images by URL too" : "images as data only") : null,
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
