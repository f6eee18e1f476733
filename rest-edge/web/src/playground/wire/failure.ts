// What went wrong, in the form in which every part of the page shows it.

import { look } from "./catalog";

/** An error of the gateway, or of the way to it. */
export class Failure extends Error {
  constructor(
    readonly facts: {
      /** Empty where no gateway answered. */
      code: string;
      title: string;
      message: string;
      /** What to do about it, from the catalog. */
      remedy: string;
      param: string;
      requestId: string;
      isRetryable: boolean;
      retryAfterSeconds: number;
      fallbacks: string[];
      status: number;
    },
  ) {
    super(facts.message);
  }

  get isRefusedToken(): boolean {
    return this.facts.status === 401;
  }
}

interface Envelope {
  error: { code: string; message: string; param?: string; request_id?: string; available_fallbacks?: string[] };
}

function isEnvelope(body: unknown): body is Envelope {
  const error = (body as Envelope | null)?.error;
  return typeof error?.code === "string" && typeof error.message === "string";
}

/** The error of an answer that is none of the 200s. */
export async function failureOf(answer: Response): Promise<Failure> {
  const body: unknown = await answer.json().catch(() => null);
  if (!isEnvelope(body)) return strange(answer.status);
  return told(body, answer.headers, answer.status);
}

/** The error in the middle of a stream. What was answered in part is not offered to be tried again. */
export async function failureInStream(body: unknown, head: Headers): Promise<Failure | null> {
  return isEnvelope(body) ? told(body, head, 0) : null;
}

async function told({ error }: Envelope, head: Headers, status: number): Promise<Failure> {
  const entry = await look(error.code);
  return new Failure({
    code: error.code,
    title: entry?.title ?? error.code,
    message: error.message,
    remedy: entry?.remediation ?? "",
    param: error.param ?? "",
    requestId: error.request_id ?? head.get("spass-request-id") ?? "",
    isRetryable: head.get("x-should-retry") === "true",
    retryAfterSeconds: Number(head.get("retry-after")) || 0,
    fallbacks: error.available_fallbacks ?? [],
    status,
  });
}

const NOTHING_TOLD = { code: "", param: "", requestId: "", retryAfterSeconds: 0, fallbacks: [], status: 0 };

function strange(status: number): Failure {
  return new Failure({
    ...NOTHING_TOLD,
    title: "An answer that is not the gateway's",
    message: `Something between this page and the gateway answered with status ${status}.`,
    remedy: "Ask who runs the proxy in front of the gateway.",
    isRetryable: status >= 500,
    status,
  });
}

/** The error of a request that got no answer, or only a part of one. */
export function unreachable(): Failure {
  return new Failure({
    ...NOTHING_TOLD,
    title: "No answer",
    message: "The gateway did not answer, or the connection broke.",
    remedy: "See that the gateway runs and that this computer reaches it, then try again.",
    isRetryable: true,
  });
}

/** Whatever was thrown, as something that can be shown. */
export function asFailure(thrown: unknown): Failure {
  return thrown instanceof Failure ? thrown : unreachable();
}
