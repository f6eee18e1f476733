// A chat: its items, the turn that runs, and the conversation that keeps it.

import { useEffect, useRef, useState } from "preact/hooks";
import { useSurroundings } from "../context";
import { withQuery } from "../wire/gateway";
import type { Page, StoredMessage } from "../wire/types";
import { Answer, type Call } from "./answer";
import { requestOf, type Asked, type SentRequest, type Surface } from "./request";
import { run } from "./run";
import type { Parameters } from "./parameters";
import { itemsOf, stepsOf, type Answered, type Item } from "./transcript";

const PAGE = 100;

export interface Settings {
  surface: Surface;
  model: string;
  parameters: Parameters;
}

export interface Chat {
  items: Item[];
  conversationId: string;
  isRunning: boolean;
  /** How many messages of the conversation stand before the first that is shown. */
  earlier: number;
  preview: (settings: Settings, text: string, images: string[]) => SentRequest;
  send: (settings: Settings, text: string, images: string[]) => void;
  giveResults: (settings: Settings, item: Answered, results: string[]) => void;
  retry: (item: Answered) => void;
  stop: () => void;
  clear: () => void;
  open: (id: string) => Promise<void>;
  openEarlier: () => Promise<void>;
}

let keys = 0;

export function useChat(turnEnded: () => void): Chat {
  const { gateway, announce } = useSurroundings();
  const [items, setItems] = useState<Item[]>([]);
  const [conversationId, setConversationId] = useState("");
  const [isRunning, setRunning] = useState(false);
  const [messages, setMessages] = useState<StoredMessage[]>([]);
  const running = useRef<AbortController | null>(null);
  /** How many messages of the conversation are known to be stored. */
  const stored = useRef(0);
  const earlier = messages[0]?.sequence ?? 0;

  useEffect(() => () => running.current?.abort(), []);

  const pageOf = (id: string, offset: number, limit: number) =>
    gateway.ask<Page<StoredMessage>>(
      withQuery(`/c1/conversations/${encodeURIComponent(id)}/messages`, { offset, limit }),
    );

  const asked = ({ surface, model, parameters }: Settings, said: Asked["said"]) =>
    requestOf({
      surface,
      model,
      parameters,
      said,
      conversationId: surface === "c1" ? conversationId : "",
      identity: gateway.identity,
      before: items,
    });

  const start = async (request: SentRequest, before: Item[]) => {
    const abort = new AbortController();
    running.current = abort;
    const answer = new Answer();
    const key = `answer-${(keys += 1)}`;
    setRunning(true);
    setItems([...before, { kind: "answered", key, answer, request }]);
    let isAsked = false;
    // A new item for the same answer, at most once a frame: the others are left as they are.
    const show = () => {
      isAsked = false;
      setItems((items) => items.map((item) => (item.key === key ? { ...item } : item)));
    };
    const changed = () => {
      if (!isAsked) requestAnimationFrame(show);
      isAsked = true;
    };
    const id = await run(gateway, request, answer, abort.signal, changed);
    if (running.current !== abort) return;
    if (id !== "") {
      setConversationId(id);
      if (answer.state === "done") await completeSteps(id, answer);
    }
    if (running.current !== abort) return;
    show();
    running.current = null;
    setRunning(false);
    announce(ENDS[answer.state] ?? "", "heard");
    turnEnded();
  };

  /** The gateway's own tools never stream: what they were asked and gave stands in the turn that it stored. */
  const completeSteps = async (id: string, answer: Answer) => {
    try {
      const page = await pageOf(id, stored.current, PAGE);
      stored.current += page.items.length;
      const turn = page.items.at(-1)?.turn_id;
      const steps = stepsOf(page.items.filter((message) => message.turn_id === turn));
      if (steps.some((step) => step.kind === "call" && step.call.by === "gateway")) answer.steps = steps;
    } catch {
      // The answer is there; only its inner steps are not told.
    }
  };

  return {
    items,
    conversationId,
    isRunning,
    earlier,
    preview: (settings, text, images) => asked(settings, { text, images }),
    send: (settings, text, images) => {
      const said: Item = { kind: "said", key: `said-${(keys += 1)}`, text, images };
      void start(asked(settings, { text, images }), [...items, said]);
    },
    giveResults: (settings, item, results) => {
      const calls: Call[] = item.answer.openCalls.map((call, index) =>
        Object.assign(call, { result: results[index] ?? "" }),
      );
      void start(asked(settings, { results: calls }), items);
    },
    retry: (item) => {
      if (item.request !== null)
        void start(
          item.request,
          items.filter((other) => other !== item),
        );
    },
    stop: () => running.current?.abort(),
    clear: () => {
      running.current?.abort();
      running.current = null;
      stored.current = 0;
      setRunning(false);
      setItems([]);
      setMessages([]);
      setConversationId("");
    },
    open: async (id) => {
      running.current?.abort();
      running.current = null;
      setRunning(false);
      const { total } = await pageOf(id, 0, 1);
      const page = await pageOf(id, Math.max(0, total - PAGE), PAGE);
      stored.current = page.offset + page.items.length;
      setMessages(page.items);
      setItems(itemsOf(page.items));
      setConversationId(id);
    },
    openEarlier: async () => {
      const offset = Math.max(0, earlier - PAGE);
      const page = await pageOf(conversationId, offset, earlier - offset);
      const all = [...page.items, ...messages];
      setMessages(all);
      // What was said since the conversation was opened stands after what was opened.
      setItems([...itemsOf(all), ...items.slice(itemsOf(messages).length)]);
    },
  };
}

const ENDS: Record<string, string> = { done: "The answer is complete.", stopped: "The answer was stopped." };
