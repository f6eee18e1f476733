// The API reference: one route at a time, named by what stands behind the # of the address.

import "./openapi.css";
import { render } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { read, type Reference, type Tag } from "./document.ts";
import { OperationView } from "./operation.tsx";
import { Text } from "./text.tsx";

function App({ reference }: { reference: Reference }) {
  const [at, setAt] = useState(location.hash.slice(1));
  const main = useRef<HTMLElement>(null);
  useEffect(() => {
    const follow = () => {
      // The link that skips to the content is none to a route.
      if (location.hash === "#main") return;
      setAt(location.hash.slice(1));
      scrollTo({ top: 0, behavior: "instant" });
      main.current?.querySelector("h1")?.focus({ preventScroll: true });
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const operation = useMemo(() => reference.tags.flatMap(({ operations }) => operations).find(({ id }) => id === at), [at]);
  useEffect(() => {
    document.title = `${operation?.summary ?? "API reference"} - Chat gateway`;
  }, [operation]);
  return (
    <>
      <Routes tags={reference.tags} at={at} />
      <main id="main" ref={main}>
        {operation ? <OperationView key={operation.id} operation={operation} resolve={reference.resolve} /> : <Overview reference={reference} />}
      </main>
    </>
  );
}

function Routes({ tags, at }: { tags: Tag[]; at: string }) {
  const [words, setWords] = useState("");
  const isNarrow = useMemo(() => matchMedia("(max-width: 56rem)").matches, []);
  const [isOpen, setOpen] = useState(!isNarrow);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    const focus = (event: KeyboardEvent) => {
      const types = event.target instanceof Element && event.target.matches("input, textarea, select");
      if (event.key !== "/" || types || event.ctrlKey || event.metaKey || event.altKey) return;
      event.preventDefault();
      setOpen(true);
      field.current?.focus();
    };
    addEventListener("keydown", focus);
    return () => removeEventListener("keydown", focus);
  }, []);
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  const found = tags
    .map((tag) => ({
      ...tag,
      operations: tag.operations.filter(({ method, path, summary, id }) => {
        const text = `${method} ${path} ${summary} ${id}`.toLowerCase();
        return wanted.every((word) => text.includes(word));
      }),
    }))
    .filter(({ operations }) => operations.length > 0);
  return (
    <nav class="routes" aria-label="Routes">
      <div class="search">
        <label class="hidden" for="route-search">
          Search the routes
        </label>
        <input
          id="route-search"
          ref={field}
          type="text"
          placeholder="Search routes"
          autocomplete="off"
          spellcheck={false}
          value={words}
          onInput={(event) => {
            setWords(event.currentTarget.value);
            setOpen(true);
          }}
          onKeyDown={(event) => {
            const first = found[0]?.operations[0];
            if (event.key === "Enter" && first) location.hash = first.id;
          }}
        />
        <kbd aria-hidden="true">/</kbd>
      </div>
      <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Routes</summary>
        {found.length === 0 && <p class="none">No route has these words.</p>}
        {found.map(({ name, operations }) => (
          <section key={name}>
            <h2>{name}</h2>
            <ul>
              {operations.map(({ id, method, path, summary }) => (
                <li key={id}>
                  <a href={`#${id}`} title={`${method} ${path}`} aria-current={id === at ? "page" : undefined} onClick={() => isNarrow && setOpen(false)}>
                    <b class={`method ${method.toLowerCase()}`}>{method === "DELETE" ? "DEL" : method}</b> <span>{summary}</span>
                  </a>
                </li>
              ))}
            </ul>
          </section>
        ))}
      </details>
    </nav>
  );
}

function Overview({ reference }: { reference: Reference }) {
  return (
    <div class="overview">
      <h1 tabIndex={-1}>API reference</h1>
      <p class="route">
        Version {reference.version}, OpenAPI 3.1: <a href="/openapi.json">/openapi.json</a>
      </p>
      <Text text={reference.description} />
      {reference.tags.map(({ name, description, operations }) => (
        <section key={name}>
          <h2>{name}</h2>
          <p>{description}</p>
          <ul class="list">
            {operations.map(({ id, method, path, summary }) => (
              <li key={id}>
                <b class={`method ${method.toLowerCase()}`}>{method}</b>{" "}
                <a href={`#${id}`}>
                  <code>{path}</code>
                </a>{" "}
                <span>{summary}</span>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}

async function load() {
  const place = document.querySelector<HTMLElement>("#reference")!;
  try {
    const reference = read(await (await fetch("/openapi.json")).json());
    place.replaceChildren();
    render(<App reference={reference} />, place);
  } catch (error) {
    place.querySelector("main p")!.textContent = `The document cannot be read: ${error instanceof Error ? error.message : error}`;
  }
}

await load();
