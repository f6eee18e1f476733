// A route: what it does, what goes in, what comes out, and a form that sends it.

import { useState } from "preact/hooks";
import { Attempt } from "./attempt.tsx";
import { Examples } from "./code.tsx";
import { examplesOf, type Answer, type Operation, type Parameter, type Reference } from "./document.ts";
import { SchemaView, typeOf } from "./schema.tsx";
import { Inline, Text } from "./text.tsx";

type Resolve = Reference["resolve"];

export function OperationView({ operation, resolve }: { operation: Operation; resolve: Resolve }) {
  return (
    <div class="operation">
      <div class="says">
        <h1 tabIndex={-1}>{operation.summary}</h1>
        <p class="route">
          <b class={`method ${operation.method.toLowerCase()}`}>{operation.method}</b> <code>{operation.path}</code>
          <span class="access">{operation.isPublic ? "public" : "needs a token"}</span>
          <button type="button" class="jump" onClick={() => document.getElementById("try-it")?.scrollIntoView()}>
            Try it
          </button>
        </p>
        <Text text={operation.description} />
        <Parameters place="path" title="In the path" operation={operation} resolve={resolve} />
        <Parameters place="query" title="In the query" operation={operation} resolve={resolve} />
        {operation.body && (
          <>
            <h2>Request body</h2>
            <Text text={operation.body.description} />
            <SchemaView schema={operation.body.media.schema} resolve={resolve} />
          </>
        )}
        <Parameters place="header" title="Headers" operation={operation} resolve={resolve} />
        <h2>Responses</h2>
        <Answers answers={operation.answers} resolve={resolve} />
      </div>
      <Attempt operation={operation} resolve={resolve} />
    </div>
  );
}

interface ParametersProps {
  place: Parameter["in"];
  title: string;
  operation: Operation;
  resolve: Resolve;
}

function Parameters({ place, title, operation, resolve }: ParametersProps) {
  const here = operation.parameters.filter((parameter) => parameter.in === place);
  if (here.length === 0) return null;
  return (
    <section>
      <h2>{title}</h2>
      <div class="schema">
        <ul>
          {here.map((parameter) => (
            <li key={parameter.name} class="member">
              <div class="line">
                <code class="name">{parameter.name}</code> <span class="type">{typeOf(parameter.schema, resolve)}</span>
                {parameter.required && <span class="required">required</span>}
              </div>
              {parameter.description && (
                <p>
                  <Inline text={parameter.description} />
                </p>
              )}
            </li>
          ))}
        </ul>
      </div>
    </section>
  );
}

function Answers({ answers, resolve }: { answers: [string, Answer][]; resolve: Resolve }) {
  return (
    <div class="answers">
      {answers.map(([status, answer]) => (
        <AnswerView key={status} status={status} answer={answer} resolve={resolve} />
      ))}
    </div>
  );
}

function AnswerView({ status, answer, resolve }: { status: string; answer: Answer; resolve: Resolve }) {
  const [isOpen, setOpen] = useState(Number(status) < 300);
  const codes = [...answer.description.matchAll(/^- `(\w+)`/gm)].map(([, code]) => code!);
  return (
    <details open={isOpen} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>
        <b class={Number(status) < 400 ? "good" : "bad"}>{status}</b> <span>{codes.length > 0 ? codes.join(", ") : answer.description.split(/(?<=\.) /)[0]}</span>
      </summary>
      {isOpen && (
        <div class="answer">
          {codes.length > 0 ? <Codes description={answer.description} /> : <Text text={answer.description} />}
          {Object.entries(answer.content ?? {}).map(([type, media]) => {
            const examples = examplesOf(media, resolve);
            return (
              <section key={type}>
                <h3>
                  <code>{type}</code>
                </h3>
                {type === "text/event-stream" && <p class="facts">The data of each event:</p>}
                <SchemaView schema={media.schema} resolve={resolve} />
                {examples.length > 0 && <Examples examples={examples} label={`Answer ${status}`} />}
              </section>
            );
          })}
          {answer.headers && (
            <p class="facts">
              Headers: <Inline text={Object.keys(answer.headers).map((name) => `\`${name}\``).join(", ")} />
            </p>
          )}
        </div>
      )}
    </details>
  );
}

/** The codes that come under a status, each with its place among the errors. */
function Codes({ description }: { description: string }) {
  const before = description.split("\n").filter((line) => !line.startsWith("- ")).join(" ");
  const codes = [...description.matchAll(/^- `(\w+)`: (.*)$/gm)];
  return (
    <>
      {before !== "" && <p>{before}</p>}
      <ul class="codes">
        {codes.map(([, code, title]) => (
          <li key={code}>
            <a href={`/docs/errors#${code}`}>
              <code>{code}</code>
            </a>{" "}
            {title}
          </li>
        ))}
      </ul>
    </>
  );
}
