// The OpenAPI document as the page reads it.

export interface Schema {
  $ref?: string;
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  additionalProperties?: boolean | Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  enum?: unknown[];
  const?: unknown;
  default?: unknown;
  format?: string;
  pattern?: string;
  minimum?: number;
  maximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  deprecated?: boolean;
}

export interface Example {
  summary?: string;
  description?: string;
  value: unknown;
}

export interface Media {
  schema: Schema;
  examples?: Record<string, Example>;
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required?: boolean;
  description?: string;
  schema: Schema;
}

export interface Answer {
  description: string;
  headers?: Record<string, unknown>;
  content?: Record<string, Media>;
}

export interface Operation {
  id: string;
  method: string;
  path: string;
  tag: string;
  summary: string;
  description: string;
  isPublic: boolean;
  parameters: Parameter[];
  body?: { description: string; media: Media };
  answers: [status: string, answer: Answer][];
}

export interface Tag {
  name: string;
  description: string;
  operations: Operation[];
}

export interface Reference {
  title: string;
  version: string;
  description: string;
  tags: Tag[];
  /** What a schema, an example or a parameter is, wherever it is written. */
  resolve: <T>(thing: T) => T;
}

type Json = Record<string, any>;

/** Takes the document apart. */
export function read(document: Json): Reference {
  const resolve = <T>(thing: T): T => {
    let found: any = thing;
    // A document may be wrong; one that refers in a circle must not hang the page.
    for (let steps = 0; typeof found?.$ref === "string" && steps < 16; steps += 1) {
      const path = found.$ref.slice(2).split("/") as string[];
      found = path.reduce<any>((at, key) => at?.[key.replaceAll("~1", "/").replaceAll("~0", "~")], document);
    }
    return found;
  };
  const operations = Object.entries(document["paths"] as Json).flatMap(([path, methods]) =>
    Object.entries(methods as Json).map(([method, operation]) => readOperation(path, method, operation, resolve)),
  );
  const tags = (document["tags"] as Json[]).map(({ name, description }) => ({
    name,
    description,
    operations: operations.filter(({ tag }) => tag === name),
  }));
  return { ...document["info"], tags, resolve } as Reference;
}

function readOperation(path: string, method: string, operation: Json, resolve: <T>(thing: T) => T): Operation {
  const media = operation["requestBody"]?.content["application/json"] as Media | undefined;
  return {
    id: operation["operationId"],
    method: method.toUpperCase(),
    path,
    tag: operation["tags"][0],
    summary: operation["summary"],
    description: operation["description"] ?? "",
    isPublic: operation["security"]?.length === 0,
    parameters: (operation["parameters"] ?? []).map(resolve),
    ...(media && { body: { description: operation["requestBody"].description ?? "", media } }),
    answers: Object.entries<Answer>(operation["responses"]).map(([status, answer]) => [status, resolve(answer)]),
  };
}

/** The examples of a body, by their names. */
export function examplesOf(media: Media, resolve: Reference["resolve"]): [name: string, example: Example][] {
  return Object.entries(media.examples ?? {}).map(([name, example]) => [name, resolve(example)]);
}
