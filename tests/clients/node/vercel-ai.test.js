// Vercel's AI SDK, through its provider for OpenAI-compatible servers.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateObject, generateText, stepCountIs, streamObject, streamText, tool } from "ai";
import { z } from "zod/v4";

import { startGateway, withGatewayToLeave } from "./gateway.js";

const Trip = z.object({ city: z.string(), days: z.number().int(), by_train: z.boolean() });
const trip = { city: "demo", days: 1, by_train: true };

let gateway;
let demo;

before(async () => {
  gateway = await startGateway();
  demo = providerOf(gateway)("demo");
});

after(() => gateway.stop());

function providerOf({ url, token }) {
  return createOpenAICompatible({
    name: "gateway",
    baseURL: `${url}/v1`,
    apiKey: token,
    includeUsage: true,
    supportsStructuredOutputs: true,
  });
}

/** A tool that the SDK runs by itself, and the cities that it was asked about. */
function weather() {
  const asked = [];
  const get_weather = tool({
    description: "Tells the weather of a city.",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      asked.push(city);
      return "21 degrees";
    },
  });
  return { asked, tools: { get_weather } };
}

async function collect(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

/** A stream; what it could not do is in its parts, and is not printed too. */
function stream(prompt, members = {}) {
  return streamText({ model: demo, maxRetries: 0, prompt, onError: () => {}, ...members });
}

test("a chat", async () => {
  const { text, finishReason, usage, response } = await generateText({ model: demo, prompt: "Good morning" });
  assert.ok(text.endsWith("You said: Good morning"));
  assert.equal(finishReason, "stop");
  assert.ok(usage.outputTokens > 0);
  assert.equal(usage.totalTokens, usage.inputTokens + usage.outputTokens);
  assert.equal(response.modelId, "demo");
  assert.equal(response.headers["spass-resolved-model"], "demo");
});

test("a streamed chat", async () => {
  const whole = await generateText({ model: demo, prompt: "Good morning" });
  const result = stream("Good morning");
  const pieces = await collect(result.textStream);
  assert.ok(pieces.length > 10);
  assert.equal(pieces.join(""), whole.text);
  assert.equal(await result.text, whole.text);
  assert.equal(await result.finishReason, "stop");
  assert.deepEqual(await result.usage, whole.usage);
  assert.equal((await result.response).modelId, "demo");
});

test("reasoning text", async () => {
  const whole = await generateText({ model: demo, prompt: "/think about it" });
  assert.ok(whole.reasoningText.endsWith("about: about it"));
  const result = stream("/think about it");
  const kinds = (await collect(result.fullStream)).map((part) => part.type);
  assert.ok(kinds.lastIndexOf("reasoning-delta") < kinds.indexOf("text-delta"));
  assert.ok(kinds.includes("reasoning-delta"));
  assert.equal(await result.reasoningText, whole.reasoningText);
  assert.equal(await result.text, whole.text);
});

test("a tool call", async () => {
  const { asked, tools } = weather();
  const prompt = '/tool get_weather {"city": "Oslo"}';
  const { text, steps } = await generateText({ model: demo, prompt, tools, stopWhen: stepCountIs(3) });
  assert.match(text, /^The tool answered: .*21 degrees/);
  assert.deepEqual(asked, ["Oslo"]);
  assert.deepEqual(
    steps.map((step) => step.finishReason),
    ["tool-calls", "stop"],
  );
});

test("a streamed tool call", async () => {
  const { asked, tools } = weather();
  const result = stream('/tool get_weather {"city": "Oslo"}', { tools, stopWhen: stepCountIs(3) });
  const parts = await collect(result.fullStream);
  const [call] = parts.filter((part) => part.type === "tool-call");
  assert.deepEqual([call.toolName, call.input], ["get_weather", { city: "Oslo" }]);
  const input = parts.filter((part) => part.type === "tool-input-delta").map((part) => part.delta);
  assert.equal(input.join(""), '{"city": "Oslo"}');
  assert.match(await result.text, /^The tool answered: .*21 degrees/);
  assert.deepEqual(asked, ["Oslo"]);
  assert.deepEqual(
    (await result.steps).map((step) => step.finishReason),
    ["tool-calls", "stop"],
  );
});

test("structured output", async () => {
  const { object } = await generateObject({ model: demo, schema: Trip, prompt: "Plan it" });
  assert.deepEqual(object, trip);
});

test("streamed structured output", async () => {
  const result = streamObject({ model: demo, schema: Trip, prompt: "Plan it" });
  assert.deepEqual((await collect(result.partialObjectStream)).at(-1), trip);
  assert.deepEqual(await result.object, trip);
});

test("an error", async () => {
  const error = await generateText({ model: demo, maxRetries: 0, prompt: "x", temperature: 7 }).then(
    () => assert.fail("the request succeeded"),
    (error) => error,
  );
  assert.ok(APICallError.isInstance(error), `${error}`);
  assert.deepEqual([error.statusCode, error.isRetryable], [400, false]);
  assert.equal(error.data.error.code, "invalid_field");
  assert.equal(error.message, error.data.error.message);
});

test("an error before a stream", async () => {
  const parts = await collect(stream("/error model_quota_exhausted").fullStream);
  const [{ error }] = parts.filter((part) => part.type === "error");
  assert.ok(APICallError.isInstance(error), `${error}`);
  assert.deepEqual([error.statusCode, error.isRetryable], [429, true]);
  assert.equal(error.data.error.code, "model_quota_exhausted");
  assert.equal(error.responseHeaders["retry-after"], "7");
});

test("an error in the middle of a stream", async () => {
  const parts = await collect(stream("/cut one two three four").fullStream);
  const kinds = parts.map((part) => part.type);
  assert.ok(kinds.includes("text-delta"));
  assert.ok(kinds.indexOf("error") > kinds.lastIndexOf("text-delta"));
  const errors = parts.filter((part) => part.type === "error").map((part) => `${part.error?.message ?? part.error}`);
  assert.deepEqual(errors, ["The connection to the model server broke before its answer was whole."]);
});

test("a client that ends a stream", () =>
  withGatewayToLeave(async (gateway) => {
    const leaving = new AbortController();
    const model = providerOf(gateway)("demo");
    const result = stream(`/drip 0.2 ${"drop ".repeat(1000)}`, { model, abortSignal: leaving.signal });
    const kinds = [];
    for await (const part of result.fullStream) {
      kinds.push(part.type);
      if (part.type === "text-delta") leaving.abort();
    }
    assert.equal(kinds.at(-1), "abort");
    assert.ok((await generateText({ model, prompt: "Still there?" })).text.endsWith("You said: Still there?"));
  }));
