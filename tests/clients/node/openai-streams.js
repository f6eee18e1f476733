// What an application does with streamed answers through the official OpenAI SDK.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startGateway, withGatewayToLeave } from "./gateway.js";
import { clientOf, failure, recordingFetch, rejection, say, weatherTool } from "./openai-sdks.js";

const clockTool = {
  type: "function",
  function: {
    name: "get_time",
    description: "Tells the time of a zone.",
    parameters: { type: "object", properties: { zone: { type: "string" } }, required: ["zone"] },
  },
};
const image =
  "data:image/png;base64," +
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
// It takes minutes.
const longDrip = `/drip 0.2 ${"drop ".repeat(1000)}`;

function sayStreamed(client, content, members = {}, options = {}) {
  return say(client, content, { ...members, stream: true }, options);
}

/** All chunks of a stream. When it fails, `chunks` still holds those before the error. */
async function collect(stream, chunks = []) {
  for await (const chunk of await stream) chunks.push(chunk);
  return chunks;
}

function choicesOf(chunks, index) {
  return chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index);
}

function deltasOf(chunks, index = 0) {
  return choicesOf(chunks, index).map((choice) => choice.delta);
}

function finishReasons(chunks, index = 0) {
  return choicesOf(chunks, index).flatMap((choice) => choice.finish_reason ?? []);
}

/** The pieces of a choice's text, its refusal or its reasoning, put together. */
function joined(chunks, member = "content", index = 0) {
  return deltasOf(chunks, index)
    .map((delta) => delta[member] ?? "")
    .join("");
}

/** The tool calls of a choice, put together by their index, and how many pieces of arguments each came in. */
function assembledCalls(chunks) {
  const calls = [];
  const pieces = [];
  for (const delta of deltasOf(chunks).flatMap((delta) => delta.tool_calls ?? [])) {
    const { index, id, type, function: { name, arguments: piece } } = delta;
    if (calls[index] === undefined) {
      calls[index] = { id, type, function: { name, arguments: "" } };
      pieces[index] = 0;
    } else {
      // Only the first piece of a call says which it is.
      assert.deepEqual([id, type, name], [undefined, undefined, undefined]);
    }
    calls[index].function.arguments += piece ?? "";
    if (piece) pieces[index] += 1;
  }
  return { calls, pieces };
}

/** Tests a version of the SDK. */
export function testStreams({ OpenAI, zodResponseFormat, z }) {
  let gateway;
  let client;

  before(async () => {
    gateway = await startGateway();
    client = clientOf(OpenAI, gateway);
  });

  after(() => gateway.stop());

  test("a streamed chat", async () => {
    const [choice] = (await say(client, "Good morning")).choices;
    const chunks = await collect(sayStreamed(client, "Good morning"));
    assert.equal(joined(chunks), choice.message.content);
    assert.ok(chunks.length > 10);
    assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
    assert.equal(new Set(chunks.map((chunk) => chunk.created)).size, 1);
    assert.ok(chunks[0].id);
    for (const { object, model } of chunks) assert.deepEqual([object, model], ["chat.completion.chunk", "demo"]);
    const roles = deltasOf(chunks).map((delta) => delta.role);
    assert.deepEqual([roles[0], ...new Set(roles.slice(1))], ["assistant", undefined]);
    assert.deepEqual(finishReasons(chunks), ["stop"]);
    assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
  });

  test("many streams at once", async () => {
    const numbers = Array.from({ length: 20 }, (_, number) => `number ${number}`);
    const answers = await Promise.all(numbers.map((text) => collect(sayStreamed(client, text))));
    assert.deepEqual(
      answers.map((chunks) => joined(chunks).split(": ").at(-1)),
      numbers,
    );
    assert.equal(new Set(answers.map(([chunk]) => chunk.id)).size, numbers.length);
  });

  test("a long stream", async () => {
    const chunks = await collect(sayStreamed(client, "/long 5000"));
    const words = Array.from({ length: 5000 }, (_, number) => `word${number + 1}`);
    assert.equal(joined(chunks), words.join(" "));
  });

  test("chunks come as they are made", async () => {
    const stream = await sayStreamed(client, "/drip 0.2 one two three four");
    const times = [];
    for await (const chunk of stream) if (chunk.choices[0].delta.content) times.push(performance.now());
    assert.equal(times.length, 4);
    assert.ok(times.at(-1) - times[0] > 300, `${times}`);
  });

  test("a stream that its token limit ends", async () => {
    const chunks = await collect(sayStreamed(client, "/long 100", { max_tokens: 20 }));
    assert.equal(joined(chunks).split(" ").length, 20);
    assert.deepEqual(finishReasons(chunks), ["length"]);
  });

  test("the SDK's own stream helper", async () => {
    const [expected] = (await say(client, "Good morning")).choices;
    const stream = client.chat.completions.stream({
      model: "demo",
      messages: [{ role: "user", content: "Good morning" }],
    });
    const chunks = [];
    const deltas = [];
    const events = [];
    let snapshot;
    stream
      .on("chunk", (chunk) => chunks.push(chunk))
      .on("content", (delta, sofar) => {
        deltas.push(delta);
        snapshot = sofar;
      })
      .on("content.done", ({ content }) => events.push(["content.done", content]))
      .on("finalContent", (content) => events.push(["finalContent", content]))
      .on("finalChatCompletion", ({ id }) => events.push(["finalChatCompletion", id]))
      .on("end", () => events.push(["end"]));
    const completion = await stream.finalChatCompletion();
    await stream.done();
    const { content } = expected.message;
    assert.equal(deltas.join(""), content);
    assert.equal(snapshot, content);
    assert.equal(joined(chunks), content);
    const [choice] = completion.choices;
    assert.deepEqual([choice.message.role, choice.message.content], ["assistant", content]);
    assert.equal(choice.finish_reason, "stop");
    assert.deepEqual(new Set(chunks.map((chunk) => chunk.id)), new Set([completion.id]));
    assert.deepEqual(
      events.map(([name]) => name),
      ["content.done", "finalChatCompletion", "finalContent", "end"],
    );
    assert.deepEqual(Object.fromEntries(events), {
      "content.done": content,
      finalContent: content,
      finalChatCompletion: completion.id,
      end: undefined,
    });
  });

  test("headers of the raw response", async () => {
    const { data, response, request_id } = await sayStreamed(client, "Hi", { max_tokens: 1 }).withResponse();
    const header = (name) => response.headers.get(name);
    assert.equal(response.status, 200);
    assert.equal(header("content-type"), "text/event-stream");
    assert.equal(header("cache-control"), "no-cache");
    assert.equal(header("x-accel-buffering"), "no");
    assert.match(header("x-request-id"), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(header("x-request-id"), header("spass-request-id"));
    assert.equal(header("x-request-id"), request_id);
    assert.equal(header("spass-resolved-model"), "demo");
    assert.equal(header("spass-resolved-backend"), "demo");
    assert.equal(header("spass-applied"), "max_tokens_floored=16");
    assert.equal(header("x-rust-api-applied"), "max_tokens_floored=16");
    assert.equal(header("x-ratelimit-limit-requests"), "1000");
    assert.ok(Number(header("x-ratelimit-remaining-requests")) < 1000);
    assert.equal(joined(await collect(data)).split(" ").length, 16);
  });

  test("the raw events", async () => {
    const response = await sayStreamed(client, "Hi").asResponse();
    const events = (await response.text()).split("\n\n");
    assert.deepEqual(events.splice(-2), ["data: [DONE]", ""]);
    for (const event of events) assert.match(event, /^data: \{.*\}$/);
    const chunks = events.map((event) => JSON.parse(event.slice("data: ".length)));
    assert.ok(joined(chunks).endsWith("You said: Hi"));
  });

  // === what an answer may hold ===

  test("usage when it was asked for", async () => {
    const { usage } = await say(client, "Good morning");
    const chunks = await collect(sayStreamed(client, "Good morning", { stream_options: { include_usage: true } }));
    const last = chunks.pop();
    assert.deepEqual(last.choices, []);
    assert.deepEqual(last.usage, usage);
    assert.ok(usage.completion_tokens > 0);
    for (const chunk of chunks) assert.deepEqual([chunk.usage, chunk.choices.length], [null, 1]);
    assert.equal(last.id, chunks[0].id);
  });

  for (const members of [{}, { stream_options: { include_usage: false } }]) {
    test(`no usage when it was not asked for, ${JSON.stringify(members)}`, async () => {
      const chunks = await collect(sayStreamed(client, "Good morning", members));
      assert.ok(joined(chunks).endsWith("You said: Good morning"));
      for (const chunk of chunks) assert.deepEqual(["usage" in chunk, chunk.choices.length], [false, 1]);
    });
  }

  test("the usage in the helper's completion", async () => {
    const { usage } = await say(client, "Good morning");
    const stream = client.chat.completions.stream({
      model: "demo",
      messages: [{ role: "user", content: "Good morning" }],
      stream_options: { include_usage: true },
    });
    assert.deepEqual((await stream.finalChatCompletion()).usage, usage);
    assert.deepEqual(await stream.totalUsage(), {
      prompt_tokens: usage.prompt_tokens,
      completion_tokens: usage.completion_tokens,
      total_tokens: usage.total_tokens,
    });
  });

  test("several answers", async () => {
    const [expected] = (await say(client, "Twice")).choices;
    const chunks = await collect(sayStreamed(client, "Twice", { n: 2 }));
    assert.deepEqual(new Set(chunks.flatMap((chunk) => chunk.choices).map((choice) => choice.index)), new Set([0, 1]));
    for (const index of [0, 1]) {
      assert.equal(joined(chunks, "content", index), expected.message.content);
      assert.equal(deltasOf(chunks, index)[0].role, "assistant");
      assert.deepEqual(finishReasons(chunks, index), ["stop"]);
    }
    assert.equal(new Set(chunks.map((chunk) => chunk.id)).size, 1);
  });

  test("log probabilities", async () => {
    const members = { logprobs: true, top_logprobs: 1 };
    const [expected] = (await say(client, "How likely?", members)).choices;
    const chunks = await collect(sayStreamed(client, "How likely?", members));
    const tokens = chunks.flatMap((chunk) => chunk.choices[0].logprobs?.content ?? []);
    assert.deepEqual(tokens, expected.logprobs.content);
    assert.equal(tokens.at(-1).top_logprobs.length, 1);
    // Each comes with the text that it is about.
    for (const { choices: [{ delta, logprobs }] } of chunks.filter((chunk) => chunk.choices[0].logprobs?.content)) {
      assert.equal(logprobs.content.map(({ token }) => token).join(""), delta.content.trim());
    }
  });

  test("a refusal", async () => {
    const [expected] = (await say(client, "/refuse")).choices;
    const chunks = await collect(sayStreamed(client, "/refuse"));
    assert.ok(expected.message.refusal);
    assert.equal(joined(chunks, "refusal"), expected.message.refusal);
    assert.equal(joined(chunks), "");
    const stream = client.chat.completions.stream({ model: "demo", messages: [{ role: "user", content: "/refuse" }] });
    const refusals = [];
    stream.on("refusal.done", ({ refusal }) => refusals.push(refusal));
    const [choice] = (await stream.finalChatCompletion()).choices;
    assert.equal(choice.message.refusal, expected.message.refusal);
    assert.deepEqual(refusals, [expected.message.refusal]);
  });

  test("reasoning text", async () => {
    const [expected] = (await say(client, "/think about it")).choices;
    const chunks = await collect(sayStreamed(client, "/think about it", { made_up: { deep: [1, null] }, top_k: 40 }));
    assert.ok(expected.message.reasoning_content.endsWith("about: about it"));
    assert.equal(joined(chunks, "reasoning_content"), expected.message.reasoning_content);
    assert.equal(joined(chunks), expected.message.content);
    const deltas = deltasOf(chunks);
    assert.ok(
      deltas.findLastIndex((delta) => delta.reasoning_content) < deltas.findIndex((delta) => delta.content),
      "the reasoning comes before the answer",
    );
  });

  test("vision", async () => {
    const content = [{ type: "text", text: "What is this?" }, { type: "image_url", image_url: { url: image } }];
    const chunks = await collect(sayStreamed(client, content));
    assert.ok(joined(chunks).endsWith("You said: What is this?"));
    assert.deepEqual(finishReasons(chunks), ["stop"]);
  });

  test("a painted image", async () => {
    const [expected] = (await say(client, "/image")).choices;
    const chunks = await collect(sayStreamed(client, "/image"));
    const images = deltasOf(chunks).flatMap((delta) => delta.images ?? []);
    assert.ok(images[0].image_url.url.startsWith("data:image/png;base64,"));
    assert.deepEqual(images, expected.message.images);
  });

  test("structured output", async () => {
    const Trip = z.object({ city: z.string(), days: z.number().int(), by_train: z.boolean() });
    const stream = client.chat.completions.stream({
      model: "demo",
      messages: [{ role: "user", content: "Plan it" }],
      response_format: zodResponseFormat(Trip, "trip"),
    });
    const parsed = [];
    stream.on("content.done", (event) => parsed.push(event.parsed));
    const trip = { city: "demo", days: 1, by_train: true };
    const [choice] = (await stream.finalChatCompletion()).choices;
    assert.deepEqual(choice.message.parsed, trip);
    assert.deepEqual(parsed, [trip]);
  });

  // === tools ===

  test("a tool call", async () => {
    const question = '/tool get_weather {"city": "Oslo", "big": 9007199254740993}';
    const chunks = await collect(sayStreamed(client, question, { tools: [weatherTool] }));
    const { calls, pieces } = assembledCalls(chunks);
    assert.equal(calls.length, 1);
    assert.ok(calls[0].id);
    assert.deepEqual([calls[0].type, calls[0].function.name], ["function", "get_weather"]);
    // The arguments are the model's own text, spelled as it spelled them, in the pieces that it gave.
    assert.equal(calls[0].function.arguments, '{"city": "Oslo", "big": 9007199254740993}');
    assert.deepEqual(pieces, [6]);
    assert.deepEqual(finishReasons(chunks), ["tool_calls"]);

    const messages = [
      { role: "user", content: question },
      { role: "assistant", tool_calls: calls },
      { role: "tool", tool_call_id: calls[0].id, content: "21 degrees" },
    ];
    const answer = await collect(
      client.chat.completions.create({ model: "demo", messages, tools: [weatherTool], stream: true }),
    );
    assert.equal(joined(answer), "The tool answered: 21 degrees");
    assert.deepEqual(finishReasons(answer), ["stop"]);
  });

  test("parallel tool calls", async () => {
    const members = { tools: [weatherTool, clockTool] };
    const [expected] = (await say(client, "/tools", members)).choices;
    const chunks = await collect(sayStreamed(client, "/tools", members));
    const { calls } = assembledCalls(chunks);
    assert.deepEqual(
      calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
      [
        ["get_weather", { city: "demo" }],
        ["get_time", { zone: "demo" }],
      ],
    );
    assert.deepEqual(calls, expected.message.tool_calls);
    assert.deepEqual(finishReasons(chunks), ["tool_calls"]);
  });

  test("tool calls through the helper", async () => {
    const stream = client.chat.completions.stream({
      model: "demo",
      messages: [{ role: "user", content: "/tools" }],
      tools: [weatherTool, clockTool],
    });
    const done = [];
    stream.on("tool_calls.function.arguments.done", (event) => done.push([event.index, event.name, event.arguments]));
    const [choice] = (await stream.finalChatCompletion()).choices;
    assert.deepEqual(done, [
      [0, "get_weather", '{"city":"demo"}'],
      [1, "get_time", '{"zone":"demo"}'],
    ]);
    assert.deepEqual(
      choice.message.tool_calls.map((call) => [call.function.name, call.function.arguments]),
      done.map(([, name, text]) => [name, text]),
    );
  });

  test("events of the gateway's own tools", async () => {
    const headers = { "SPASS-Augment": "server-tools=on" };
    let said = "";
    const notices = [];
    const stream = sayStreamed(client, '[tool-loop:memory_recall {"key": "k$N"}]', {}, { headers });
    for await (const chunk of await stream) {
      said += chunk.choices[0].delta.content ?? "";
      notices.push(...(chunk.spass?.notices ?? []));
    }
    assert.ok(said.length > 0);
    assert.deepEqual(notices.map(({ code, iterations }) => [code, iterations]), [["tool_loop_max_iterations", 10]]);
  });

  test("the SDK's own tool runner, streamed", async () => {
    const asked = [];
    const runner = client.chat.completions.runTools({
      model: "demo",
      stream: true,
      messages: [{ role: "user", content: '/tool get_weather {"city": "Oslo"}' }],
      tools: [
        {
          type: "function",
          function: {
            ...weatherTool.function,
            parse: JSON.parse,
            function: ({ city }) => {
              asked.push(city);
              return "21 degrees";
            },
          },
        },
      ],
    });
    const deltas = [];
    runner.on("content", (delta) => deltas.push(delta));
    assert.equal(await runner.finalContent(), "The tool answered: 21 degrees");
    assert.equal(deltas.join(""), "The tool answered: 21 degrees");
    assert.ok(deltas.length > 1);
    assert.deepEqual(asked, ["Oslo"]);
  });

  // === errors ===

  for (const [name, content, members, errorClass, expected] of [
    [
      "a bad field",
      "x",
      { temperature: 7 },
      OpenAI.BadRequestError,
      { status: 400, code: "invalid_field", type: "invalid_request_error", param: "temperature" },
    ],
    [
      "an unknown model",
      "x",
      { model: "no-such-model" },
      OpenAI.BadRequestError,
      { status: 400, code: "model_not_in_allowlist", type: "invalid_request_error", param: "model" },
    ],
    [
      "an image's address",
      [{ type: "image_url", image_url: { url: "https://x.example/y.png" } }],
      {},
      OpenAI.BadRequestError,
      {
        status: 400,
        code: "image_url_not_supported",
        type: "invalid_request_error",
        param: "messages[0].content[0].image_url.url",
      },
    ],
    [
      "a quota",
      "/error model_quota_exhausted",
      {},
      OpenAI.RateLimitError,
      { status: 429, code: "model_quota_exhausted", type: "rate_limit_exceeded" },
    ],
    ...[
      ["a model server's error", "upstream_error", 502, "upstream_error", "upstream_error"],
      ["a model server's nonsense", "garbage", 502, "upstream_error", "upstream_error"],
      ["a model server out of reach", "upstream_unavailable", 503, "upstream_unavailable", "upstream_error"],
      ["a model server that takes too long", "upstream_timeout", 504, "upstream_timeout", "upstream_error"],
      ["a panic", "internal_error", 500, "internal_error", "internal_error"],
    ].map(([name, kind, status, code, type]) => [
      name,
      `/error ${kind}`,
      {},
      OpenAI.InternalServerError,
      { status, code, type },
    ]),
  ]) {
    test(`before the stream, ${name}`, async () => {
      const error = await failure(sayStreamed(client, content, members), errorClass, expected);
      assert.equal(error.headers.get("content-type"), "application/json");
    });
  }

  test("before the stream, a wrong key", async () => {
    const stranger = clientOf(OpenAI, gateway, { apiKey: "sk-not-the-key" });
    await failure(sayStreamed(stranger, "x"), OpenAI.AuthenticationError, {
      status: 401,
      code: "invalid_authorization",
      type: "authentication_error",
      param: "headers.authorization",
    });
  });

  /** An error that came in the stream to the request of this id. */
  function assertLate(error, code, requestId) {
    assert.equal(error.constructor, OpenAI.APIError, `${error}`);
    assert.deepEqual(
      { status: error.status, code: error.code, type: error.type, param: error.param },
      { status: undefined, code, type: "upstream_error", param: undefined },
    );
    assert.equal(error.requestID, requestId);
    assert.equal(error.error.request_id, requestId);
    assert.ok(error.error.doc_url.endsWith(`/docs/errors#${code}`));
    assert.equal(error.message, error.error.message);
  }

  test("an answer that breaks off in the middle", async () => {
    const { statuses, fetch } = recordingFetch();
    const counted = clientOf(OpenAI, gateway, { maxRetries: 2, fetch });
    const { data, request_id } = await sayStreamed(counted, "/cut one two three four").withResponse();
    const chunks = [];
    assertLate(await rejection(collect(data, chunks)), "upstream_error", request_id);
    assert.ok(joined(chunks).startsWith("The demo breaks off"));
    assert.deepEqual(finishReasons(chunks), []);
    assert.deepEqual(statuses, [200]);
  });

  test("an answer that breaks off, through the helper", async () => {
    const stream = client.chat.completions.stream({
      model: "demo",
      messages: [{ role: "user", content: "/cut one two three four" }],
    });
    let received = "";
    stream.on("content", (delta) => (received += delta));
    const error = await rejection(stream.finalChatCompletion());
    assertLate(error, "upstream_error", error.requestID);
    assert.ok(error.requestID);
    assert.ok(received.startsWith("The demo breaks off"));
  });

  test("a failure that may have cost something is sent once", async () => {
    const { statuses, fetch } = recordingFetch();
    const counted = clientOf(OpenAI, gateway, { maxRetries: 2, fetch });
    await failure(sayStreamed(counted, "/error upstream_error"), OpenAI.InternalServerError, {
      status: 502,
      code: "upstream_error",
      type: "upstream_error",
    });
    assert.deepEqual(statuses, [502]);
  });

  test("the SDK waits out a rate limit by itself", async () => {
    const strict = await startGateway({ RATE_LIMIT_PER_SECOND: "0.5", RATE_LIMIT_BURST: "1" });
    try {
      const { statuses, fetch } = recordingFetch();
      const patient = clientOf(OpenAI, strict, { maxRetries: 1, fetch });
      await patient.models.list();
      // One retry is enough only when Retry-After tells the truth.
      assert.ok(joined(await collect(sayStreamed(patient, "Patience"))).endsWith("You said: Patience"));
      assert.deepEqual(statuses, [200, 429, 200]);
    } finally {
      await strict.stop();
    }
  });

  // === silence ===

  test("a model that is silent at first", async () => {
    const eager = await startGateway({ STREAM_HEAD_WAIT_SECS: "0.2", STREAM_KEEP_ALIVE_SECS: "0.2" });
    try {
      const client = clientOf(OpenAI, eager);
      // Comments keep the connection alive, and the SDK passes over them.
      const text = await (await sayStreamed(client, "/slow 1").asResponse()).text();
      assert.match(text, /^(: keep-alive\n\n)+data: \{/);
      assert.equal(joined(await collect(sayStreamed(client, "/slow 1"))), "The demo took its time.");
    } finally {
      await eager.stop();
    }
  });

  test("a stream that takes longer than any may", async () => {
    const strict = await startGateway({ HTTP_TOTAL_TIMEOUT_SECS: "1" });
    try {
      const { data, request_id } = await sayStreamed(
        clientOf(OpenAI, strict),
        "/drip 0.4 one two three four five six",
      ).withResponse();
      assertLate(await rejection(collect(data)), "upstream_timeout", request_id);
    } finally {
      await strict.stop();
    }
  });

  // === clients that leave ===

  async function assertServes(client) {
    assert.ok(joined(await collect(sayStreamed(client, "Still there?"))).endsWith("You said: Still there?"));
  }

  test("a client that does not wait for the head", () =>
    withGatewayToLeave(async (gateway) => {
      const client = clientOf(OpenAI, gateway, { timeout: 1_000 });
      const error = await rejection(sayStreamed(client, "/slow 60"));
      assert.ok(error instanceof OpenAI.APIConnectionTimeoutError, `${error}`);
      await assertServes(client);
    }));

  test("a client that ends a stream by its controller", () =>
    withGatewayToLeave(async (gateway) => {
      const client = clientOf(OpenAI, gateway);
      const stream = await sayStreamed(client, longDrip);
      const chunks = [];
      for await (const chunk of stream) {
        chunks.push(chunk);
        if (joined(chunks) === "drop drop ") stream.controller.abort();
      }
      assert.equal(joined(chunks), "drop drop ");
      await assertServes(client);
    }));

  test("a client that ends a stream by a signal", () =>
    withGatewayToLeave(async (gateway) => {
      const client = clientOf(OpenAI, gateway);
      const leaving = new AbortController();
      const chunks = [];
      for await (const chunk of await sayStreamed(client, longDrip, {}, { signal: leaving.signal })) {
        chunks.push(chunk);
        if (joined(chunks) === "drop drop ") leaving.abort();
      }
      assert.equal(joined(chunks), "drop drop ");
      await assertServes(client);
    }));

  test("a client that breaks out of a stream", () =>
    withGatewayToLeave(async (gateway) => {
      const client = clientOf(OpenAI, gateway);
      const stream = await sayStreamed(client, longDrip);
      for await (const chunk of stream) if (chunk.choices[0].delta.content) break;
      assert.ok(stream.controller.signal.aborted);
      await assertServes(client);
    }));

  test("a client that ends the helper's stream", () =>
    withGatewayToLeave(async (gateway) => {
      const client = clientOf(OpenAI, gateway);
      const stream = client.chat.completions.stream({ model: "demo", messages: [{ role: "user", content: longDrip }] });
      stream.on("content", () => stream.abort());
      assert.ok((await rejection(stream.finalChatCompletion())) instanceof OpenAI.APIUserAbortError);
      await assertServes(client);
    }));
}
