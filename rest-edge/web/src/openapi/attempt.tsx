// Sends a request from the page, and shows what comes back as it comes.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Code } from "./code.tsx";
import { examplesOf, type Operation, type Reference } from "./document.ts";
import { curlOf, headersOf, keyOf, targetOf, type Request } from "./request.ts";

/** The token lives as long as the tab, and is the playground's as well. */
const TOKEN = "gateway.token";
/** More of an answer is not drawn: it would only make the page slow. */
const MOST_CHARACTERS = 200_000;

interface Answered {
  status: string;
  isError: boolean;
  headers: string;
  text: string;
  milliseconds: number;
}

export function Attempt({ operation, resolve }: { operation: Operation; resolve: Reference["resolve"] }) {
  const examples = useMemo(() => (operation.body ? examplesOf(operation.body.media, resolve) : []), [operation]);
  const [token, setToken] = useState(sessionStorage.getItem(TOKEN) ?? "");
  const [values, setValues] = useState<Record<string, string>>({});
  // An answer in one piece is easier to read.
  const usual = Math.max(0, examples.findIndex(([, { value }]) => !(value as { stream?: boolean }).stream));
  const [body, setBody] = useState(() => written(examples[usual]?.[1].value));
  const [isOwn, setOwn] = useState(false);
  const [answered, setAnswered] = useState<Answered>();
  const [failure, setFailure] = useState("");
  const running = useRef<AbortController>();
  const [isRunning, setRunning] = useState(false);
  const request: Request = { operation, values, body };

  useEffect(() => () => running.current?.abort(), []);
  useModelOnOffer(token, body, isOwn, setBody);

  const keep = (value: string) => {
    sessionStorage.setItem(TOKEN, value);
    setToken(value);
  };
  const send = async (event: Event) => {
    event.preventDefault();
    running.current?.abort();
    const abort = (running.current = new AbortController());
    setRunning(true);
    setFailure("");
    setAnswered(undefined);
    try {
      await ask(request, token.trim(), abort.signal, setAnswered);
    } catch (error) {
      if (!abort.signal.aborted) setFailure(`Nothing came back: ${error instanceof Error ? error.message : error}`);
    } finally {
      if (running.current === abort) setRunning(false);
    }
  };
  const field = (parameter: Operation["parameters"][number]) => {
    const key = keyOf(parameter);
    const choices = resolve(parameter.schema).enum;
    const set = (value: string) => setValues({ ...values, [key]: value });
    return (
      <label key={key} class="field">
        <span>
          {parameter.name} {parameter.required && <small>required</small>}
        </span>
        {choices ? (
          <select value={values[key] ?? ""} required={parameter.required} onChange={(event) => set(event.currentTarget.value)}>
            <option value=""></option>
            {choices.map((choice) => (
              <option key={String(choice)}>{String(choice)}</option>
            ))}
          </select>
        ) : (
          <input value={values[key] ?? ""} required={parameter.required} spellcheck={false} onInput={(event) => set(event.currentTarget.value)} />
        )}
      </label>
    );
  };
  const inPlace = (place: string) => operation.parameters.filter((parameter) => parameter.in === place);

  return (
    <section class="attempt" aria-labelledby="try-it">
      <h2 id="try-it">Try it</h2>
      <form onSubmit={send}>
        {!operation.isPublic && (
          <label class="field">
            <span>Token</span>
            <input type="password" autocomplete="off" placeholder="sk-..." value={token} onInput={(event) => keep(event.currentTarget.value)} />
          </label>
        )}
        {[...inPlace("path"), ...inPlace("query")].map(field)}
        {inPlace("header").length > 0 && (
          <details>
            <summary>Headers</summary>
            {inPlace("header").map(field)}
          </details>
        )}
        {operation.body && (
          <>
            {examples.length > 1 && (
              <label class="field">
                <span>Example</span>
                <select onChange={(event) => { setBody(written(examples[Number(event.currentTarget.value)]?.[1].value)); setOwn(false); }}>
                  {examples.map(([name, { summary }], at) => (
                    <option key={name} value={at} selected={at === usual}>
                      {summary ?? name}
                    </option>
                  ))}
                </select>
              </label>
            )}
            <label class="body">
              <span>Body</span>
              <textarea
                rows={Math.min(18, body.split("\n").length + 1)}
                spellcheck={false}
                value={body}
                onInput={(event) => { setBody(event.currentTarget.value); setOwn(true); }}
              />
            </label>
          </>
        )}
        <p class="send">
          <button class="primary" disabled={isRunning}>
            Send
          </button>
          {isRunning && (
            <button type="button" onClick={() => { running.current?.abort(); setRunning(false); }}>
              Stop
            </button>
          )}
          <span class="hidden" role="status">{isRunning ? "Sent" : answered ? `Answered with ${answered.status}` : failure}</span>
        </p>
      </form>
      {failure && <p class="failure">{failure}</p>}
      {answered && <Answer answered={answered} />}
      <h3>As curl</h3>
      <Code text={curlOf(request)} label="The request as a line for a shell" />
    </section>
  );
}

function Answer({ answered }: { answered: Answered }) {
  return (
    <div class="answered">
      <p class="status">
        <b class={answered.isError ? "bad" : "good"}>{answered.status}</b> <span>{answered.milliseconds} ms</span>
      </p>
      <details>
        <summary>Headers</summary>
        <Code text={answered.headers} label="Headers of the answer" />
      </details>
      {answered.text !== "" && <Code text={answered.text} label="Body of the answer" />}
    </div>
  );
}

async function ask(request: Request, token: string, signal: AbortSignal, show: (answered: Answered) => void) {
  const begin = performance.now();
  const headers = new Headers(headersOf(request));
  if (token !== "" && !request.operation.isPublic) headers.set("Authorization", `Bearer ${token}`);
  const response = await fetch(targetOf(request), {
    method: request.operation.method,
    headers,
    signal,
    ...(request.operation.body && request.body !== "" && { body: request.body }),
  });
  const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`);
  const isJson = response.headers.get("content-type")?.startsWith("application/json") ?? false;
  const tell = (text: string) =>
    show({
      status: `${response.status} ${response.statusText}`.trim(),
      isError: !response.ok,
      headers: lines.join("\n"),
      text: text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}\n... and more` : text,
      milliseconds: Math.round(performance.now() - begin),
    });
  let text = "";
  tell(text);
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.value; part = await reader?.read()) {
    text += decoder.decode(part.value, { stream: true });
    if (!isJson) tell(text);
  }
  tell(isJson ? pretty(text) : text);
}

/** The examples name a model that this gateway need not have: until somebody writes a body, it is one that it has. */
function useModelOnOffer(token: string, body: string, isOwn: boolean, setBody: (body: string) => void) {
  const [models, setModels] = useState<string[]>([]);
  const names = /"model": "([^"]+)"/.exec(body)?.[1];
  const wanted = names !== undefined && !isOwn;
  useEffect(() => {
    // Half a token is not worth asking with.
    if (!wanted || models.length > 0 || token.trim().length < 20) return;
    const abort = new AbortController();
    fetch("/v1/models", { headers: { Authorization: `Bearer ${token.trim()}` }, signal: abort.signal })
      .then((response) => (response.ok ? response.json() : { data: [] }))
      .then(({ data }: { data: { id: string }[] }) => setModels(data.map(({ id }) => id)))
      .catch(() => undefined);
    return () => abort.abort();
  }, [token, wanted]);
  useEffect(() => {
    const first = models[0];
    if (wanted && first !== undefined && !models.includes(names)) setBody(body.replace(`"model": "${names}"`, () => `"model": ${JSON.stringify(first)}`));
  }, [models, body, wanted]);
}

function written(value: unknown): string {
  return value === undefined ? "" : JSON.stringify(value, null, 2);
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
