import type { VNode } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Failure } from "../wire/failure";
import { CopyButton } from "./copy";

/** An error: what it is, what to do about it, where to read on, and a way to try again where that can help. */
export function FailureNotice({ failure, retry }: { failure: Failure; retry?: (() => void) | undefined }): VNode {
  const { code, title, message, remedy, param, requestId, isRetryable, fallbacks } = failure.facts;
  const field = param === "" ? null : fieldOf(param);
  return (
    <div class="failure" role="alert">
      <p class="failure-title">
        <strong>{title}</strong>
        {code !== "" && (
          <a href={`/docs/errors#${code}`} target="_blank" rel="noopener" aria-label={`${code} in the documentation`}>
            <code>{code}</code>
          </a>
        )}
      </p>
      <p>{message}</p>
      {remedy !== "" && (
        <p class="remedy">
          <b>What to do: </b>
          {remedy}
        </p>
      )}
      {fallbacks.length > 0 && <p>Other models to use instead: {fallbacks.join(", ")}</p>}
      <p class="failure-foot">
        {param !== "" && (
          <span>Field: {field === null ? <code>{param}</code> : <FieldButton field={field} param={param} />}</span>
        )}
        {requestId !== "" && (
          <span>
            Request <code class="id">{requestId}</code> <CopyButton text={requestId} label="Copy" what="Request id" />
          </span>
        )}
        {retry !== undefined && isRetryable && <Retry after={failure.facts.retryAfterSeconds} retry={retry} />}
      </p>
    </div>
  );
}

function FieldButton({ field, param }: { field: HTMLElement; param: string }): VNode {
  return (
    <button type="button" class="small" onClick={() => reveal(field)}>
      Go to {param}
    </button>
  );
}

/** The field of the page that a param of an error means, if it has one. */
export function fieldOf(param: string): HTMLElement | null {
  const name = param.replace(/^(body|query)\./, "");
  const top = name.startsWith("headers.") ? name : (/^[^.[]*/.exec(name)?.[0] ?? name);
  return document.querySelector<HTMLElement>(`[data-param="${CSS.escape(top)}"]`);
}

/** Opens what a field is folded in, and goes to it. */
export function reveal(field: HTMLElement): void {
  for (
    let around = field.closest("details");
    around !== null;
    around = around.parentElement?.closest("details") ?? null
  ) {
    around.open = true;
  }
  field.focus();
}

/** A button that can be pressed once the gateway's time to wait is over. */
function Retry({ after, retry }: { after: number; retry: () => void }): VNode {
  const [until] = useState(() => Date.now() + after * 1000);
  const [left, setLeft] = useState(after);
  useEffect(() => {
    const tick = setInterval(() => {
      const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      setLeft(seconds);
      if (seconds === 0) clearInterval(tick);
    }, 250);
    return () => clearInterval(tick);
  }, [until]);
  return (
    <button type="button" class="small" disabled={left > 0} onClick={retry}>
      {left > 0 ? `Try again in ${left} s` : "Try again"}
    </button>
  );
}
