// Runs a request: sends it, reads its stream, and tells of what came.

import { asFailure, failureInStream, unreachable } from "../wire/failure";
import type { Gateway } from "../wire/gateway";
import { EventReader } from "../wire/sse";
import type { Answer, Chunk } from "./answer";
import type { SentRequest } from "./request";

/** The id of the conversation, or nothing where none is kept. What fails and what is stopped stands in the answer. */
export async function run(
  gateway: Gateway,
  { path, body, headers }: SentRequest,
  answer: Answer,
  signal: AbortSignal,
  changed: () => void,
): Promise<string> {
  const begin = performance.now();
  let conversationId = "";
  try {
    const response = await gateway.send(path, { method: "POST", body, headers, signal });
    conversationId = response.headers.get("x-conversation-id") ?? "";
    answer.begin(response.headers);
    changed();
    await read(response, answer, begin, changed);
    if (answer.isRunning) answer.state = "done";
  } catch (thrown) {
    answer.state = signal.aborted ? "stopped" : "failed";
    if (!signal.aborted) answer.failure = asFailure(thrown);
  }
  if (answer.facts !== null) answer.facts.total = performance.now() - begin;
  changed();
  return conversationId;
}

async function read(response: Response, answer: Answer, begin: number, changed: () => void): Promise<void> {
  const reader = response.body?.getReader();
  if (reader === undefined) throw unreachable();
  const events = new EventReader();
  for (;;) {
    const { done, value } = await reader.read();
    // A stream that ends without saying that it is done was cut.
    if (done) throw unreachable();
    for (const { data } of events.push(value)) {
      if (data === "[DONE]") return;
      const chunk = JSON.parse(data) as Chunk;
      if ("error" in chunk) throw (await failureInStream(chunk, response.headers)) ?? unreachable();
      answer.take(chunk, performance.now() - begin);
    }
    changed();
  }
}
