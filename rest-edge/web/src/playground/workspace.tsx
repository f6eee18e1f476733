import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ChatView } from "./chat/chat";
import { useSurroundings } from "./context";
import { MemoryView } from "./memory/memory";
import { ModelsView } from "./models/models";
import { PromptsView } from "./prompts/prompts";
import { SessionView } from "./session/session";
import { useLoading } from "./ui/loading";
import type { Identity, Model } from "./wire/types";

const VIEWS = [
  ["chat", "Chat"],
  ["memory", "Memory"],
  ["prompts", "Prompts"],
  ["models", "Models"],
  ["session", "Session"],
] as const;

type View = (typeof VIEWS)[number][0];

/** The view that the address names, or the one that is open: the address may also name a place in the page. */
function viewNow(before: View): View {
  return VIEWS.find(([name]) => `#${name}` === location.hash)?.[0] ?? before;
}

/** What there is once there is a token: a rail, and one view. A chat goes on while another view is open. */
export function Workspace(props: {
  identity: Identity;
  change: (identity: Identity) => void;
  forget: () => void;
}): VNode {
  const { gateway } = useSurroundings();
  const [view, setView] = useState<View>(() => viewNow("chat"));
  const models = useLoading(
    async (signal) => (await gateway.ask<{ models: Model[] }>("/v1/info", { signal })).models,
    [gateway],
  );
  useEffect(() => {
    const changed = () => setView(viewNow);
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const { user, scope, tenant } = props.identity;
  return (
    <div class="workspace">
      <nav class="rail" aria-label="Playground">
        {VIEWS.map(([name, label]) => (
          <a key={name} href={`#${name}`} aria-current={name === view ? "page" : undefined}>
            {label}
          </a>
        ))}
        <p class="who">
          User <b>{user || "the token"}</b>
          <br />
          Scope <b>{scope || "the usual"}</b>
          {tenant !== "" && (
            <>
              <br />
              Tenant <b>{tenant}</b>
            </>
          )}
        </p>
      </nav>
      <ChatView key={JSON.stringify(props.identity)} models={models} isShown={view === "chat"} />
      {view === "memory" && <MemoryView />}
      {view === "prompts" && <PromptsView />}
      {view === "models" && <ModelsView models={models} />}
      {view === "session" && <SessionView identity={props.identity} change={props.change} forget={props.forget} />}
    </div>
  );
}
