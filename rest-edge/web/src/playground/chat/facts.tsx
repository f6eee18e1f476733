import type { VNode } from "preact";
import { count, dollars, duration } from "../format";
import { CopyButton } from "../ui/copy";
import type { Facts } from "./answer";

/** What an answer took. */
export function FactsLine({ facts }: { facts: Facts }): VNode {
  const { usage } = facts;
  const cached = usage?.prompt_tokens_details?.cached_tokens ?? 0;
  const known = cached > 0 ? ` (${count(cached)} cached)` : "";
  const served = [facts.servedModel, facts.servedBy].filter(
    (name, index, all) => name !== "" && all.indexOf(name) === index,
  );
  return (
    <dl class="facts">
      <Fact name="First token">{facts.firstToken === null ? null : duration(facts.firstToken)}</Fact>
      <Fact name="Total">{facts.total === null ? null : duration(facts.total)}</Fact>
      <Fact name="Tokens">
        {usage === null ? null : `${count(usage.prompt_tokens)} in${known}, ${count(usage.completion_tokens)} out`}
      </Fact>
      <Fact name="Cost">
        {facts.costUsd === null ? (facts.total === null ? null : "no price known") : dollars(facts.costUsd)}
      </Fact>
      <Fact name="Served by">{served.join(" · ")}</Fact>
      <Fact name="Added">{facts.augmented}</Fact>
      <Fact name="Adjusted">{facts.applied}</Fact>
      <Fact name="Request">
        {facts.requestId !== "" && (
          <>
            <code class="id">{facts.requestId}</code>{" "}
            <CopyButton text={facts.requestId} label="Copy" what="Request id" />
          </>
        )}
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { name: string; children: VNode | string | null | false }): VNode | null {
  if (children === null || children === "" || children === false) return null;
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
