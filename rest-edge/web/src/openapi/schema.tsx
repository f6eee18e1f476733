// A schema: its members, each of which opens when somebody wants to see more. What refers to itself is no trouble, since
// nothing is drawn before it is opened.

import { useId, useState } from "preact/hooks";
import type { Reference, Schema } from "./document.ts";
import { Inline } from "./text.tsx";

interface Props {
  schema: Schema;
  resolve: Reference["resolve"];
}

/** The members of a schema, or what else there is to it. */
export function SchemaView({ schema, resolve }: Props) {
  const whole = resolve(schema);
  const choices = whole.anyOf ?? whole.oneOf;
  return (
    <div class="schema">
      {choices ? <Choices choices={choices} resolve={resolve} /> : <Members schema={whole} resolve={resolve} />}
    </div>
  );
}

function Members({ schema, resolve }: Props) {
  if (schema.type === "array" && schema.items) return <SchemaView schema={schema.items} resolve={resolve} />;
  const isRequired = (name: string) => schema.required?.includes(name) ?? false;
  const members = Object.entries(schema.properties ?? {}).sort(([one], [other]) => Number(isRequired(other)) - Number(isRequired(one)));
  const more = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
  if (members.length === 0 && more === undefined) {
    return (
      <p class="plain">
        <span class="type">{typeOf(schema, resolve)}</span> {schema.description && <Inline text={schema.description} />}
      </p>
    );
  }
  return (
    <ul>
      {members.map(([name, member]) => (
        <Member key={name} name={name} schema={member} resolve={resolve} required={isRequired(name)} />
      ))}
      {more && <Member name="any other" schema={more} resolve={resolve} required={false} />}
    </ul>
  );
}

function Choices({ choices, resolve }: { choices: Schema[]; resolve: Reference["resolve"] }) {
  return (
    <ul>
      {choices.map((choice, at) => (
        <Member key={at} name={nameOf(choice, resolve)} schema={choice} resolve={resolve} required={false} isChoice />
      ))}
    </ul>
  );
}

interface MemberProps extends Props {
  name: string;
  required: boolean;
  isChoice?: boolean;
}

function Member({ name, schema, resolve, required, isChoice = false }: MemberProps) {
  const [isOpen, setOpen] = useState(false);
  const id = useId();
  const whole = resolve(schema);
  const inner = innerOf(whole, resolve);
  const description = schema.description ?? whole.description;
  const facts = factsOf(whole);
  const type = typeOf(schema, resolve);
  return (
    <li class="member">
      <div class="line">
        {isChoice ? <em>{name}</em> : <code class="name">{name}</code>} {type !== name && <span class="type">{type}</span>}
        {required && <span class="required">required</span>}
        {whole.deprecated && <span class="deprecated">deprecated</span>}
        {inner && (
          <button type="button" class="more" aria-expanded={isOpen} aria-controls={id} onClick={() => setOpen(!isOpen)}>
            {isOpen ? "Less" : "More"}
            <span class="hidden"> of {name}</span>
          </button>
        )}
      </div>
      {description && (
        <p>
          <Inline text={description} />
        </p>
      )}
      {facts.length > 0 && <p class="facts"><Inline text={facts.join(", ")} /></p>}
      <div id={id}>{isOpen && inner && <SchemaView schema={inner} resolve={resolve} />}</div>
    </li>
  );
}

/** What can be opened. */
function innerOf(schema: Schema, resolve: Reference["resolve"]): Schema | undefined {
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices) return choices.some((choice) => innerOf(resolve(choice), resolve)) ? schema : undefined;
  if (schema.items) return innerOf(resolve(schema.items), resolve) && schema.items;
  const hasMembers = schema.properties !== undefined || typeof schema.additionalProperties === "object";
  return hasMembers ? schema : undefined;
}

function nameOf(schema: Schema, resolve: Reference["resolve"]): string {
  return schema.title ?? resolve(schema).title ?? schema.$ref?.split("/").at(-1) ?? typeOf(schema, resolve);
}

/** In words, as in `string or array of ContentPart`. */
export function typeOf(schema: Schema, resolve: Reference["resolve"], depth = 0): string {
  const whole = resolve(schema);
  const choices = whole.anyOf ?? whole.oneOf;
  if (choices && depth < 3) return [...new Set(choices.map((choice) => typeOf(choice, resolve, depth + 1)))].join(" or ");
  if (whole.type === "array" && whole.items) return `array of ${typeOf(whole.items, resolve, depth + 1)}`;
  if (schema.$ref && whole.type === "object") return schema.$ref.split("/").at(-1)!;
  if (whole.const !== undefined) return JSON.stringify(whole.const);
  const types = [whole.type ?? "any"].flat().join(" or ");
  return whole.format ? `${types} (${whole.format})` : types;
}

function factsOf(schema: Schema): string[] {
  const facts = [];
  const code = (value: unknown) => `\`${JSON.stringify(value)}\``;
  if (schema.enum) facts.push(`one of ${schema.enum.map(code).join(", ")}`);
  if (schema.default !== undefined) facts.push(`default ${code(schema.default)}`);
  const range = (least: number | undefined, most: number | undefined, unit: string) => {
    if (least !== undefined && most !== undefined) facts.push(`${least} to ${most}${unit}`);
    else if (least !== undefined) facts.push(`at least ${least}${unit}`);
    else if (most !== undefined) facts.push(`at most ${most}${unit}`);
  };
  range(schema.minimum, schema.maximum, "");
  range(schema.minLength, schema.maxLength, " characters");
  range(schema.minItems, schema.maxItems, " items");
  if (schema.pattern) facts.push(`pattern \`${schema.pattern}\``);
  return facts;
}
