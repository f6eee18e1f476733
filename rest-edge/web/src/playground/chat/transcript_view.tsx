import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { AnsweredView, SaidView } from "./item";
import type { SentRequest, Surface } from "./request";
import type { Item } from "./transcript";
import type { Chat, Settings } from "./use_chat";

/** How near to its end a reader must be for the transcript to follow the answer. */
const NEAR = 80;

/** What was said. It follows an answer as it grows, unless the reader looks at something above. */
export function Transcript(props: {
  chat: Chat;
  settings: Settings;
  surface: Surface;
  showRequest: (request: SentRequest) => void;
}): VNode {
  const { chat, settings } = props;
  const box = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useLayoutEffect(() => {
    const shown = box.current;
    if (shown !== null && follows.current) shown.scrollTop = shown.scrollHeight;
  }, [chat.items]);
  // What the reader says anew is to be seen, wherever the transcript stood.
  useLayoutEffect(() => {
    follows.current = true;
  }, [chat.items.length]);
  // Nor may it lose the end of an answer when the window, or what is beside it, takes its room.
  useEffect(() => {
    const shown = box.current;
    if (shown === null) return undefined;
    const observer = new ResizeObserver(() => {
      if (follows.current) shown.scrollTop = shown.scrollHeight;
    });
    observer.observe(shown);
    return () => observer.disconnect();
  }, []);
  const last = useRef({ top: 0, height: 0 });
  const scrolled = () => {
    const shown = box.current;
    if (shown === null) return;
    const now = { top: shown.scrollTop, height: shown.scrollHeight };
    const below = now.height - now.top - shown.clientHeight;
    // The browser scrolls up too, where the text becomes shorter or the room larger: then to the very end.
    const isByReader = now.top < last.current.top && now.height >= last.current.height && below > 1;
    if (isByReader) follows.current = false;
    else if (below < NEAR) follows.current = true;
    last.current = now;
  };
  return (
    <div ref={box} class="transcript" role="log" aria-label="Transcript" tabIndex={0} onScroll={scrolled}>
      {chat.items.length === 0 && <Empty surface={props.surface} />}
      {chat.items.map((item, index) => (
        <Row
          key={item.key}
          item={item}
          isLast={index === chat.items.length - 1}
          chat={chat}
          settings={settings}
          showRequest={props.showRequest}
        />
      ))}
    </div>
  );
}

/** An item, made anew only where it changed, so that a long chat costs a growing answer nothing. */
function Row(props: {
  item: Item;
  isLast: boolean;
  chat: Chat;
  settings: Settings;
  showRequest: (request: SentRequest) => void;
}): VNode {
  const { item, isLast, showRequest } = props;
  const newest = useRef(props);
  newest.current = props;
  return useMemo(() => {
    if (item.kind === "said") return <SaidView item={item} />;
    return (
      <AnsweredView
        item={item}
        isLast={isLast}
        retry={() => newest.current.chat.retry(item)}
        giveResults={(results) => newest.current.chat.giveResults(newest.current.settings, item, results)}
        showRequest={() => item.request !== null && showRequest(item.request)}
      />
    );
  }, [item, isLast]);
}

function Empty({ surface }: { surface: Surface }): VNode {
  return (
    <div class="empty">
      <p>
        <strong>Say something to the model.</strong>
      </p>
      <p>
        {surface === "c1"
          ? "The gateway keeps this conversation (/c1), and may use its own tools, as for memory."
          : "Nothing is kept (/v1): the page sends the whole chat again with each message."}
      </p>
    </div>
  );
}
