import type { VNode } from "preact";
import { useRef, useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { ConversationList, titleOf } from "../conversations/list";
import { plural } from "../format";
import { useDoing } from "../ui/doing";
import type { Loading } from "../ui/loading";
import { useLoading } from "../ui/loading";
import { FailureNotice, fieldOf, reveal } from "../ui/notice";
import { Segments } from "../ui/segments";
import { withQuery } from "../wire/gateway";
import type { Conversation, Model, Page } from "../wire/types";
import { CodeDialog } from "./code";
import { Composer } from "./composer";
import { ModelChoice, ModelFacts } from "./model";
import { Panel } from "./panel";
import { NO_PARAMETERS, readParameters } from "./parameters";
import type { SentRequest, Surface } from "./request";
import { Transcript } from "./transcript_view";
import { useChat, type Settings } from "./use_chat";

const SURFACES = [
  ["c1", "Stored"],
  ["v1", "Stateless"],
] as const;

/** What the page asks for at once; the gateway's own most. */
const MOST = 100;

/** The chat: conversations on the one side, parameters on the other. */
export function ChatView({ models, isShown }: { models: Loading<Model[]>; isShown: boolean }): VNode {
  const { gateway } = useSurroundings();
  const [surface, setSurface] = useState<Surface>("c1");
  const [chosen, setChosen] = useState("");
  const [parameters, setParameters] = useState(NO_PARAMETERS);
  const [limit, setLimit] = useState(20);
  const [side, setSide] = useState<"" | "conversations" | "parameters">("");
  const [shown, setShown] = useState<SentRequest | null>(null);
  const doing = useDoing();
  const conversations = useLoading<Page<Conversation>>(
    (signal) => gateway.ask(withQuery("/c1/conversations", { limit }), { signal }),
    [gateway, limit],
  );
  const chat = useChat(conversations.reload);

  const model = models.value?.find(({ alias }) => alias === chosen) ?? models.value?.[0] ?? null;
  const settings: Settings = { surface, model: model?.alias ?? chosen, parameters };
  const current = conversations.value?.items.find(({ id }) => id === chat.conversationId);
  const { count, problems } = readParameters(parameters);

  const sides = useRef<HTMLElement>(null);
  const toggle = (which: "conversations" | "parameters") => {
    setSide(side === which ? "" : which);
    // Where there is no room beside the chat a side covers it, and takes the focus with it.
    requestAnimationFrame(() => sides.current?.querySelector<HTMLElement>(`.${which} .close`)?.focus());
  };
  const send = (text: string, images: string[]) => {
    const [wrong] = Object.keys(problems);
    if (wrong !== undefined) {
      setSide("parameters");
      requestAnimationFrame(() => {
        const field = fieldOf(wrong);
        if (field !== null) reveal(field);
      });
      return false;
    }
    chat.send(settings, text, images);
    return true;
  };
  const choose = (surface: Surface) => {
    setSurface(surface);
    chat.clear();
  };
  const open = (id: string) => {
    setSide("");
    setSurface("c1");
    void doing.run(async () => {
      await chat.open(id);
      return "Conversation opened.";
    });
  };

  return (
    <section ref={sides} class={`chat ${side}`} hidden={!isShown} aria-labelledby="chat-title">
      <aside class="conversations" aria-label="Conversations">
        <Close close={() => setSide("")} />
        <ConversationList
          loading={conversations}
          more={() => setLimit(Math.min(MOST, limit + 20))}
          current={chat.conversationId}
          open={open}
          begin={() => (chat.clear(), setSide(""))}
          deleted={(id) => id === chat.conversationId && chat.clear()}
        />
      </aside>
      <div class="talk">
        <header class="head">
          <h1 id="chat-title">{current === undefined ? "Chat" : titleOf(current)}</h1>
          <button
            type="button"
            class="small only-narrow"
            aria-expanded={side === "conversations"}
            onClick={() => toggle("conversations")}
          >
            Conversations
          </button>
          <ModelChoice models={models} alias={settings.model} choose={setChosen} />
          <Segments
            legend="Conversation"
            value={surface}
            options={SURFACES}
            choose={choose}
            isDisabled={chat.isRunning}
          />
          <button
            type="button"
            class="small"
            aria-expanded={side === "parameters"}
            onClick={() => toggle("parameters")}
          >
            Parameters{count > 0 && ` (${count})`}
          </button>
        </header>
        {model !== null && <ModelFacts model={model} />}
        {models.failure !== null && <FailureNotice failure={models.failure} retry={models.reload} />}
        {doing.failure !== null && <FailureNotice failure={doing.failure} />}
        {chat.earlier > 0 && (
          <button
            type="button"
            class="small"
            disabled={doing.isBusy || chat.isRunning}
            onClick={() => void doing.run(async () => (await chat.openEarlier(), "Earlier messages are shown."))}
          >
            Show earlier ({plural(chat.earlier, "message")})
          </button>
        )}
        <Transcript chat={chat} settings={settings} surface={surface} showRequest={setShown} />
        <Composer
          model={model}
          isReady={settings.model !== ""}
          isRunning={chat.isRunning}
          send={send}
          stop={chat.stop}
          preview={(text, images) => setShown(chat.preview(settings, text, images))}
        />
      </div>
      <aside class="parameters" aria-label="Parameters">
        <Close close={() => setSide("")} />
        <Panel model={model} value={parameters} change={setParameters} />
      </aside>
      {shown !== null && <CodeDialog request={shown} close={() => setShown(null)} />}
    </section>
  );
}

/** Closes a side that covers the chat; elsewhere it is not shown. */
function Close({ close }: { close: () => void }): VNode {
  return (
    <button type="button" class="small close" onClick={close}>
      Back to the chat
    </button>
  );
}
