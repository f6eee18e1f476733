import type { VNode } from "preact";
import { Markdown } from "../ui/markdown";
import { FailureNotice } from "../ui/notice";
import type { Answer } from "./answer";
import { CallCard, ResultsForm } from "./calls";
import { FactsLine } from "./facts";
import type { Answered, Said } from "./transcript";

export function SaidView({ item }: { item: Said }): VNode {
  return (
    <article class="said" aria-label="You">
      <Pictures urls={item.images} whose="your message" />
      {item.text !== "" && <p class="own">{item.text}</p>}
    </article>
  );
}

function Pictures({ urls, whose }: { urls: string[]; whose: string }): VNode | null {
  if (urls.length === 0) return null;
  return (
    <div class="pictures">
      {urls.map((url, index) =>
        isShown(url) ? (
          <img key={index} src={url} alt={`Image ${index + 1} of ${whose}`} />
        ) : (
          <code key={index}>{url}</code>
        ),
      )}
    </div>
  );
}

/** Only what is in the message itself: a page that fetched the addresses in it would tell their servers who reads it. */
function isShown(url: string): boolean {
  return /^data:image\/(jpeg|png|webp|gif);/.test(url);
}

export function AnsweredView(props: {
  item: Answered;
  isLast: boolean;
  retry: () => void;
  giveResults: (results: string[]) => void;
  showRequest: () => void;
}): VNode {
  const { answer, request } = props.item;
  return (
    <article class="answered" aria-label="Answer" aria-busy={answer.isRunning}>
      {answer.reasoning !== "" && (
        <details class="reasoning" open={answer.isRunning && answer.text === ""}>
          <summary>Reasoning</summary>
          <p>{answer.reasoning}</p>
        </details>
      )}
      {answer.steps.map((step, index) =>
        step.kind === "text" ? (
          <Markdown key={index} text={step.text} />
        ) : (
          <CallCard key={index} call={step.call} isRunning={answer.isRunning} />
        ),
      )}
      {answer.refusal !== "" && (
        <p class="refusal">
          <b>Refused: </b>
          {answer.refusal}
        </p>
      )}
      <Pictures urls={answer.images} whose="the answer" />
      {answer.notices.map((notice) => (
        <p class="note" key={notice.code}>
          {notice.message}{" "}
          <a href={`/docs/errors#${notice.code}`} target="_blank" rel="noopener">
            <code>{notice.code}</code>
          </a>
        </p>
      ))}
      <Ending answer={answer} isKeyed={request?.headers["Idempotency-Key"] !== undefined} />
      {answer.failure !== null && (
        <FailureNotice failure={answer.failure} retry={props.isLast ? props.retry : undefined} />
      )}
      {props.isLast && answer.openCalls.length > 0 && !answer.isRunning && (
        <ResultsForm calls={answer.openCalls} send={props.giveResults} />
      )}
      {(answer.facts !== null || request !== null) && !answer.isRunning && (
        <footer>
          {answer.facts !== null && <FactsLine facts={answer.facts} />}
          {request !== null && (
            <button type="button" class="small" onClick={props.showRequest}>
              Request as code
            </button>
          )}
        </footer>
      )}
    </article>
  );
}

/** How it stands with an answer, where its text does not say so. */
function Ending({ answer, isKeyed }: { answer: Answer; isKeyed: boolean }): VNode | null {
  switch (answer.state) {
    case "waiting":
      return <p class="note working">{answer.facts === null ? "Waiting for the model" : "The model is at work"}</p>;
    case "streaming":
      return null;
    case "stopped":
      return (
        <p class="note">
          Stopped. {answer.isEmpty ? "Nothing had come yet." : "This is what had come by then."}
          {isKeyed && " It was sent with an Idempotency-Key, so the gateway finishes it all the same."}
        </p>
      );
    case "failed":
      return answer.isEmpty ? null : <p class="note">The answer was cut here.</p>;
    case "done":
      if (answer.finish === "length") return <p class="note">The answer ended at the token limit.</p>;
      if (answer.finish === "content_filter") return <p class="note">The model server held back the rest.</p>;
      return answer.isEmpty ? <p class="note">The answer is empty.</p> : null;
  }
}
