import type { VNode } from "preact";
import { useState } from "preact/hooks";
import { Segments } from "../ui/segments";
import type { Level } from "../wire/types";
import { EffectiveStack } from "./effective";
import { LevelView } from "./level";

const TABS = [
  ["tenant", "Tenant"],
  ["scope", "Scope"],
  ["user", "User"],
  ["effective", "Effective"],
] as const;

const MEANT: Record<Level, string> = {
  tenant: "Goes before every chat of the tenant.",
  scope: "Goes before the chats of this scope: a project, a room, an app.",
  user: "Goes before this user's chats, whatever the scope.",
};

/** The system prompts that the gateway keeps, level by level, and what a chat gets of them. */
export function PromptsView(): VNode {
  const [tab, setTab] = useState<Level | "effective">("tenant");
  return (
    <section class="view" aria-labelledby="prompts-title">
      <header class="head">
        <h1 id="prompts-title">System prompts</h1>
        <Segments legend="Level" value={tab} options={TABS} choose={setTab} />
      </header>
      {tab === "effective" ? (
        <EffectiveStack />
      ) : (
        <>
          <p class="quiet">{MEANT[tab]}</p>
          <LevelView key={tab} level={tab} />
        </>
      )}
    </section>
  );
}
