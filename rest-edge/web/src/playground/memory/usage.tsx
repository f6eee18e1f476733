import type { VNode } from "preact";
import { count } from "../format";
import type { MemoryUsage } from "../wire/types";

/** How full a bucket is. */
export function UsageBar({ usage }: { usage: MemoryUsage }): VNode {
  const { used_bytes: used, cap_bytes: cap } = usage;
  return (
    <div class="usage">
      <meter
        aria-label={`Used of the ${usage.visibility} bucket`}
        min={0}
        max={cap}
        high={cap * 0.9}
        optimum={0}
        value={used}
      />
      <span>
        {count(used)} of {count(cap)} bytes used, {usage.entries === 1 ? "1 entry" : `${count(usage.entries)} entries`},
        in scope <code>{usage.scope_id}</code>
      </span>
    </div>
  );
}
