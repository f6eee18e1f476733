import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { useDoing } from "../ui/doing";
import { useLoading } from "../ui/loading";
import { FailureNotice } from "../ui/notice";
import { withQuery } from "../wire/gateway";
import type { Level, Page, Prompt } from "../wire/types";
import { Comparison } from "./comparison";
import { Editor } from "./editor";
import { Versions } from "./versions";

/** The prompt of a level: what is current, to write another, and all versions that there were. */
export function LevelView({ level }: { level: Level }): VNode {
  const { gateway } = useSurroundings();
  const path = `/v1/system-prompts/${level}`;
  const [limit, setLimit] = useState(20);
  const [compared, setCompared] = useState<[number, number] | null>(null);
  const doing = useDoing();
  const versions = useLoading<Page<Prompt>>(
    (signal) => gateway.ask(withQuery(`${path}/versions`, { limit }), { signal }),
    [gateway, level, limit],
  );
  const current = versions.value?.items.find((version) => version.is_current) ?? null;
  const act = (method: string, what: string, said: string) =>
    doing.run(async () => {
      await gateway.ask(path + what, { method });
      versions.reload();
      return said;
    });

  if (versions.failure !== null) return <FailureNotice failure={versions.failure} retry={versions.reload} />;
  if (versions.value === null) return <p class="quiet">Loading…</p>;
  const { items, total } = versions.value;
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
          <Comparison level={level} versions={items} pair={compared} choose={setCompared} close={() => setCompared(null)} />
        )}
      </div>
    </div>
  );
}
