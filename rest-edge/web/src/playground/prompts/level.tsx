import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { useDoing } from "../ui/doing";
import { useLoading } from "../ui/loading";
import { FailureNotice } from "../ui/notice";
import { Failure } from "../wire/failure";
import { withQuery } from "../wire/gateway";
import type { Level, Page, Prompt } from "../wire/types";
import { Comparison } from "./comparison";
import { Editor } from "./editor";
import { Versions } from "./versions";

interface Loaded {
  items: Prompt[];
  total: number;
  /** With its content. */
  current: Prompt | null;
}

/** The prompt of a level: what is current, to write another, and all versions that there were. */
export function LevelView({ level }: { level: Level }): VNode {
  const { gateway } = useSurroundings();
  const path = `/v1/system-prompts/${level}`;
  const [limit, setLimit] = useState(20);
  const [compared, setCompared] = useState<[number, number] | null>(null);
  const doing = useDoing();
  const currentOf = async (path: string, signal: AbortSignal): Promise<Prompt | null> => {
    try {
      return await gateway.ask<Prompt>(path, { signal });
    } catch (thrown) {
      if (thrown instanceof Failure && thrown.facts.code === "system_prompt_version_not_found") return null;
      throw thrown;
    }
  };
  const versions = useLoading<Loaded>(
    async (signal) => {
      const { items, total } = await gateway.ask<Page<Prompt>>(withQuery(`${path}/versions`, { limit }), { signal });
      const isKnown = items.some((version) => version.is_current);
      // It may be older than what is listed.
      const current = isKnown || items.length < total ? await currentOf(path, signal) : null;
      return { items, total, current };
    },
    [gateway, level, limit],
  );
  const act = (method: string, what: string, said: string) =>
    doing.run(async () => {
      await gateway.ask(path + what, { method });
      versions.reload();
      return said;
    });

  if (versions.failure !== null) return <FailureNotice failure={versions.failure} retry={versions.reload} />;
  if (versions.value === null) return <p class="quiet">Loading…</p>;
  const { items, total, current } = versions.value;
  return (
    <div class="columns">
      <Editor
        level={level}
        current={current}
        changed={versions.reload}
        unset={() => void act("DELETE", "", `The ${level} has no current prompt now; all versions are kept.`)}
        isBusy={doing.isBusy}
      />
      <div>
        {doing.failure !== null && <FailureNotice failure={doing.failure} />}
        <Versions
          versions={items}
          isBusy={doing.isBusy}
          compare={(version) => setCompared([version, current?.version ?? items[0]?.version ?? version])}
          makeCurrent={(version) => void act("PUT", `/current/${version}`, `Version ${version} is current now.`)}
          remove={(version) => void act("DELETE", `/v/${version}`, `Version ${version} is deleted.`)}
        />
        {items.length < Math.min(total, 100) && (
          <button type="button" onClick={() => setLimit(100)}>
            Show older of {total}
          </button>
        )}
        {compared !== null && (
          <Comparison
            level={level}
            versions={items}
            pair={compared}
            choose={setCompared}
            close={() => setCompared(null)}
          />
        )}
      </div>
    </div>
  );
}
