// What an application does with whole answers through the official OpenAI SDK.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { startGateway } from "./gateway.js";
import { clientOf, failure, recordingFetch, say, weatherTool } from "./openai-sdks.js";

/** Tests a version of the SDK. */
export function testChats({ OpenAI, zodResponseFormat, z }) {
  let gateway;
  let client;

  before(async () => {
    gateway = await startGateway();
    client = clientOf(OpenAI, gateway);
  });

  after(() => gateway.stop());

  test("a chat", async () => {
    const completion = await say(client, "Good morning");
    const [choice] = completion.choices;
    assert.equal(completion.object, "chat.completion");
    assert.equal(completion.model, "demo");
    assert.equal(choice.message.role, "assistant");
    assert.ok(choice.message.content.endsWith("You said: Good morning"));
    assert.equal(choice.finish_reason, "stop");
    assert.equal(completion.usage.total_tokens, completion.usage.prompt_tokens + completion.usage.completion_tokens);
    assert.ok(completion._request_id);
  });

  test("many chats at once", async () => {
    const numbers = Array.from({ length: 20 }, (_, number) => `number ${number}`);
    const answers = await Promise.all(numbers.map((text) => say(client, text)));
    assert.deepEqual(
      answers.map((completion) => completion.choices[0].message.content.split(": ").at(-1)),
      numbers,
    );
  });

  test("models", async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.deepEqual(ids, ["demo"]);
    assert.equal((await client.models.retrieve("demo")).id, "demo");
  });

  test("headers of the raw response", async () => {
    const { data, response } = await say(client, "Hi", { max_tokens: 1 }).withResponse();
    const header = (name) => response.headers.get(name);
    assert.match(header("x-request-id"), /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    assert.equal(header("x-request-id"), header("spass-request-id"));
    assert.equal(header("x-request-id"), data._request_id);
    assert.equal(header("spass-resolved-model"), "demo");
    assert.equal(header("spass-resolved-backend"), "demo");
    assert.equal(header("spass-applied"), "max_tokens_floored=16");
    assert.equal(header("x-ratelimit-limit-requests"), "1000");
    assert.ok(Number(header("x-ratelimit-remaining-requests")) < 1000);
  });

  test("a tool round trip", async () => {
    const messages = [{ role: "user", content: '/tool get_weather {"city": "Oslo", "big": 9007199254740993}' }];
    const request = { model: "demo", tools: [weatherTool] };
    const [asked] = (await client.chat.completions.create({ ...request, messages })).choices;
    assert.equal(asked.finish_reason, "tool_calls");
    const [call] = asked.message.tool_calls;
    assert.deepEqual([call.type, call.function.name], ["function", "get_weather"]);
    // The arguments are the model's own text, spelled as it spelled them.
    assert.equal(call.function.arguments, '{"city": "Oslo", "big": 9007199254740993}');

    messages.push(asked.message, { role: "tool", tool_call_id: call.id, content: "21 degrees" });
    const [answer] = (await client.chat.completions.create({ ...request, messages })).choices;
    assert.equal(answer.message.content, "The tool answered: 21 degrees");
    assert.equal(answer.finish_reason, "stop");
  });

  test("the SDK's own tool runner", async () => {
    const asked = [];
    const runner = client.chat.completions.runTools({
      model: "demo",
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
    assert.equal(await runner.finalContent(), "The tool answered: 21 degrees");
    assert.deepEqual(asked, ["Oslo"]);
  });

  test("structured output", async () => {
    const Trip = z.object({ city: z.string(), days: z.number().int(), by_train: z.boolean() });
    const completion = await client.chat.completions.parse({
      model: "demo",
      messages: [{ role: "user", content: "Plan it" }],
      response_format: zodResponseFormat(Trip, "trip"),
    });
    assert.deepEqual(completion.choices[0].message.parsed, { city: "demo", days: 1, by_train: true });
  });

  test("unknown members cross both ways", async () => {
    const completion = await say(client, "/think about it", { made_up: { deep: [1, null] }, top_k: 40 });
    assert.ok(completion.choices[0].message.reasoning_content.endsWith("about: about it"));
  });

  test("a bad field", async () => {
    const wrong = { status: 400, code: "invalid_field", type: "invalid_request_error", param: "temperature" };
    const error = await failure(say(client, "x", { temperature: 7 }), OpenAI.BadRequestError, wrong);
    assert.equal(error.headers.get("x-should-retry"), "false");
  });

  test("a bad field deep within a message", async () => {
    const content = [{ type: "text", text: "x" }, { type: "image_url", image_url: { url: "https://x.example/y.png" } }];
    await failure(say(client, content), OpenAI.BadRequestError, {
      status: 400,
      code: "image_url_not_supported",
      type: "invalid_request_error",
      param: "messages[0].content[1].image_url.url",
    });
  });

  test("an unknown model", async () => {
    await failure(say(client, "x", { model: "no-such-model" }), OpenAI.BadRequestError, {
      status: 400,
      code: "model_not_in_allowlist",
      type: "invalid_request_error",
      param: "model",
    });
  });

  test("a wrong key", async () => {
    const stranger = clientOf(OpenAI, gateway, { apiKey: "sk-not-the-key" });
    const error = await failure(say(stranger, "x"), OpenAI.AuthenticationError, {
      status: 401,
      code: "invalid_authorization",
      type: "authentication_error",
      param: "headers.authorization",
    });
    assert.equal(error.headers.get("www-authenticate"), "Bearer");
  });

  test("an unknown route", async () => {
    await failure(client.get("/no/such/route"), OpenAI.NotFoundError, {
      status: 404,
      code: "route_not_found",
      type: "not_found",
    });
  });

  test("a quota", async () => {
    const error = await failure(say(client, "/error model_quota_exhausted"), OpenAI.RateLimitError, {
      status: 429,
      code: "model_quota_exhausted",
      type: "rate_limit_exceeded",
    });
    assert.equal(error.headers.get("retry-after"), "7");
    assert.equal(error.headers.get("x-should-retry"), "true");
  });

  test("a failure that may have cost something is sent once", async () => {
    const { statuses, fetch } = recordingFetch();
    const counted = clientOf(OpenAI, gateway, { maxRetries: 2, fetch });
    await failure(say(counted, "/error upstream_error"), OpenAI.InternalServerError, {
      status: 502,
      code: "upstream_error",
      type: "upstream_error",
    });
    assert.deepEqual(statuses, [502]);
  });

  test("the SDK waits out a rate limit by itself", async () => {
    const strict = await startGateway({ RATE_LIMIT_PER_SECOND: "1", RATE_LIMIT_BURST: "1" });
    try {
      const patient = clientOf(OpenAI, strict, { maxRetries: 1 });
      await patient.models.list();
      // One retry is enough only when Retry-After tells the truth.
      const completion = await say(patient, "Patience");
      assert.ok(completion.choices[0].message.content.endsWith("You said: Patience"));
    } finally {
      await strict.stop();
    }
  });
}
