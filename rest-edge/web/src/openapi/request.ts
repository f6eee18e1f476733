// A request as it is put together on the page: what is sent, and the same as a line for a shell.

import type { Operation } from "./document.ts";

export interface Request {
  operation: Operation;
  values: Record<string, string>;
  body: string;
}

/** The key of a parameter among the values. */
export function keyOf({ in: place, name }: { in: string; name: string }) {
  return `${place}.${name}`;
}

/** The path with its parameters and the query. */
export function targetOf({ operation, values }: Request): string {
  const query = new URLSearchParams();
  let path = operation.path;
  for (const parameter of operation.parameters) {
    const value = values[keyOf(parameter)] ?? "";
    if (parameter.in === "path") path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    else if (parameter.in === "query" && value !== "") query.set(parameter.name, value);
  }
  return query.size > 0 ? `${path}?${query}` : path;
}

/** The headers, but for the token. */
export function headersOf({ operation, values, body }: Request): [string, string][] {
  const given = operation.parameters.filter(({ in: place }) => place === "header");
  const headers = given.map((parameter): [string, string] => [parameter.name, values[keyOf(parameter)] ?? ""]);
  if (operation.body && body !== "") headers.unshift(["Content-Type", "application/json"]);
  return headers.filter(([, value]) => value !== "");
}

/** The request for a shell, which knows the token as `$TOKEN`. */
export function curlOf(request: Request): string {
  const { operation, body } = request;
  const isStream = /"stream"\s*:\s*true/.test(body);
  const method = operation.method === "GET" || (operation.method === "POST" && body !== "") ? "" : `-X ${operation.method} `;
  const parts = [`curl ${isStream ? "-N " : ""}${method}${quoted(location.origin + targetOf(request))}`];
  if (!operation.isPublic) parts.push('-H "Authorization: Bearer $TOKEN"');
  parts.push(...headersOf(request).map(([name, value]) => `-H ${quoted(`${name}: ${value}`)}`));
  if (operation.body && body !== "") parts.push(`-d ${quoted(body)}`);
  return parts.join(" \\\n  ");
}

function quoted(text: string) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
