// The way to the gateway: one place that knows the token, the headers of an identity, and how an error looks.

import { failureOf, unreachable } from "./failure";
import type { Identity } from "./types";

export interface Call {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

const HEADERS: [keyof Identity, string][] = [
  ["tenant", "X-Tenant-Id"],
  ["user", "SPASS-User-Id"],
  ["scope", "SPASS-Scope-Id"],
];

/** The headers of an identity: only those that something was entered for. */
export function identityHeaders(identity: Identity): Record<string, string> {
  const given = HEADERS.filter(([name]) => identity[name] !== "");
  return Object.fromEntries(given.map(([name, header]) => [header, identity[name]]));
}

/** A path with what was given of its query. */
export function withQuery(path: string, query: Record<string, string | number>): string {
  return `${path}?${new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]))}`;
}

export class Gateway {
  constructor(
    private readonly token: string,
    readonly identity: Identity,
    /** Told when the token is not accepted any more. */
    private readonly refused: () => void = () => {},
  ) {}

  /** The answer, once its head is there; throws a `Failure` for an error, and the browser's own `AbortError`. */
  async send(path: string, { method = "GET", body, headers = {}, signal }: Call = {}): Promise<Response> {
    const init: RequestInit = {
      method,
      headers: {
        Authorization: `Bearer ${this.token}`,
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...identityHeaders(this.identity),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    };
    let answer;
    try {
      answer = await fetch(path, init);
    } catch (thrown) {
      if (signal?.aborted === true) throw thrown;
      throw unreachable();
    }
    if (answer.ok) return answer;
    const failure = await failureOf(answer);
    if (failure.isRefusedToken) this.refused();
    throw failure;
  }

  /** What an answer holds. */
  async ask<Answer>(path: string, call: Call = {}): Promise<Answer> {
    const answer = await this.send(path, call);
    if (answer.status === 204) return undefined as Answer;
    try {
      return (await answer.json()) as Answer;
    } catch {
      throw unreachable();
    }
  }
}
