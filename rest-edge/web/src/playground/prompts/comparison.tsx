import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { useSurroundings } from "../context";
import { Dialog } from "../ui/dialog";
import { useLoading } from "../ui/loading";
import { FailureNotice } from "../ui/notice";
import type { Level, Prompt } from "../wire/types";
import { diff, type Line } from "./diff";

const MARK: Record<Line["kind"], string> = { same: " ", removed: "−", added: "+" };
const READ: Record<Line["kind"], string> = { same: "", removed: "Removed: ", added: "Added: " };

/** Two versions, line by line. */
export function Comparison(props: {
  level: Level;
  versions: Prompt[];
  pair: [number, number];
  choose: (pair: [number, number]) => void;
  close: () => void;
}): VNode {
  const { gateway } = useSurroundings();
  const [from, to] = props.pair;
  const { value, failure, reload } = useLoading<[string, string]>(
    async (signal) => {
      const text = async (version: number) =>
        (await gateway.ask<Prompt>(`/v1/system-prompts/${props.level}/v/${version}`, { signal })).content ?? "";
      return [await text(from), from === to ? "" : await text(to)];
    },
    [gateway, props.level, from, to],
  );
  const choice = (label: string, chosen: number, set: (version: number) => void) => (
    <label class="choice">
      <span>{label}</span>
      <select value={chosen} onChange={(event) => set(Number(event.currentTarget.value))}>
        {props.versions.map(({ version, is_current }) => (
          <option key={version} value={version}>
            Version {version}
            {is_current && " (current)"}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <Dialog title="Compare versions" close={props.close} isWide>
      <div class="bar">
        {choice("From", from, (version) => props.choose([version, to]))}
        {choice("To", to, (version) => props.choose([from, version]))}
      </div>
      {failure !== null && <FailureNotice failure={failure} retry={reload} />}
      {value === null && failure === null && <p class="quiet">Loading…</p>}
      {value !== null && <Lines from={value[0]} to={from === to ? value[0] : value[1]} />}
    </Dialog>
  );
}

function Lines({ from, to }: { from: string; to: string }): VNode {
  const lines = useMemo(() => diff(from, to), [from, to]);
  const changes = lines.filter((line) => line.kind !== "same").length;
  return (
    <>
      {changes === 0 && <p class="quiet">There is no difference.</p>}
      <div class="diff" role="list" aria-label="Lines" tabIndex={0}>
        {lines.map((line, index) => (
          <div key={index} role="listitem" class={line.kind}>
            <span class="mark" aria-hidden="true">
              {MARK[line.kind]}
            </span>
            <span class="hidden">{READ[line.kind]}</span>
            <span>{line.text || " "}</span>
          </div>
        ))}
      </div>
    </>
  );
}
