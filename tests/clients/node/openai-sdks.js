// The official OpenAI SDK for JavaScript, the current major version and the one before it.

import assert from "node:assert/strict";

import OpenAI6 from "openai";
import { zodResponseFormat as zodResponseFormat6 } from "openai/helpers/zod";
import OpenAI5 from "openai-5";
import { zodResponseFormat as zodResponseFormat5 } from "openai-5/helpers/zod";
import { z as zod3 } from "zod/v3";
import { z as zod4 } from "zod/v4";

/** Each with a version of zod that it can read. */
export const sdks = [
  { name: "openai 6", OpenAI: OpenAI6, zodResponseFormat: zodResponseFormat6, z: zod4 },
  { name: "openai 5", OpenAI: OpenAI5, zodResponseFormat: zodResponseFormat5, z: zod3 },
];

export const weatherTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "Tells the weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};

/** A client of a gateway; `OpenAI` is the SDK's class. */
export function clientOf(OpenAI, { url, token }, options = {}) {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0, timeout: 30_000, ...options });
}

/** A `fetch` for a client, and the statuses of what it was answered. */
export function recordingFetch() {
  const statuses = [];
  const recorded = async (...request) => {
    const response = await fetch(...request);
    statuses.push(response.status);
    return response;
  };
  return { statuses, fetch: recorded };
}

export function say(client, content, members = {}, options = {}) {
  return client.chat.completions.create({ model: "demo", messages: [{ role: "user", content }], ...members }, options);
}

/** What a promise that must fail fails with. */
export function rejection(promise) {
  return promise.then(
    () => assert.fail("the request succeeded"),
    (error) => error,
  );
}

/** The error of a request that must fail, with all that the SDK shows of it. */
export async function failure(request, errorClass, { status, code, type, param = undefined }) {
  const error = await rejection(request);
  assert.ok(error instanceof errorClass, `${error}`);
  assert.deepEqual(
    { status: error.status, code: error.code, type: error.type, param: error.param },
    { status, code, type, param },
  );
  assert.ok(error.requestID);
  assert.equal(error.requestID, error.error.request_id);
  assert.equal(error.headers.get("x-error-code"), code);
  assert.ok(error.error.doc_url.endsWith(`/docs/errors#${code}`));
  assert.ok(error.message.includes(error.error.message));
  return error;
}
