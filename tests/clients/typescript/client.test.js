// The TypeScript client, as it was generated and compiled, against a real gateway.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { startGateway } from "../node/gateway.js";
import { codeText, errorCodes, errorCodeOf, ErrorCode, errorSpec } from "./build/src/errors.js";
import { Code } from "./build/generated/google/rpc/code_pb.js";
import { ErrorType } from "./build/generated/chatgateway/v1/error_spec_pb.js";

const example = fileURLToPath(new URL("build/src/example.js", import.meta.url));
const expected = new URL("../example.txt", import.meta.url);

/** Gives a gateway to a test and ends it after it. */
async function withGateway(settings, use) {
  const gateway = await startGateway(settings);
  try {
    await use(gateway);
  } finally {
    await gateway.stop();
  }
}

function runExample(gateway) {
  const env = { PATH: process.env.PATH, GATEWAY: gateway.grpc, TOKEN: gateway.token };
  return promisify(execFile)(process.execPath, [example], { env, timeout: 60_000 });
}

test("the example says what every example says", () =>
  withGateway({}, async (gateway) => {
    const { stdout } = await runExample(gateway);
    assert.equal(stdout, await readFile(expected, "utf8"));
  }));

test("an error tells its code and when to come back", () =>
  withGateway({ RATE_LIMIT_BURST: "1", RATE_LIMIT_PER_SECOND: "0.1" }, (gateway) =>
    assert.rejects(runExample(gateway), (error) => {
      assert.equal(error.code, 1);
      const [, delay] = error.stderr.match(/^failed: rate_limit_exceeded retry in (\d+) ms\n$/) ?? assert.fail(error.stderr);
      assert.ok(delay > 0 && delay <= 10_000, delay);
      return true;
    }),
  ));

test("the constants are the catalog", () =>
  withGateway({}, async (gateway) => {
    const { entries } = await (await fetch(`${gateway.url}/errors`)).json();
    const served = entries.map(({ code, type, http_status, grpc_status, title, remediation, retryable }) => ({
      code, type, http_status, grpc_status, title, remediation, retryable,
    }));
    const generated = errorCodes.map((code) => {
      const { type, httpStatus, grpcCode, title, remediation, retryable } = errorSpec(code);
      return {
        code: codeText(code), type: ErrorType[type].toLowerCase(), http_status: httpStatus, grpc_status: Code[grpcCode],
        title, remediation, retryable,
      };
    });
    assert.deepEqual(generated, served);
  }));

test("a code that is newer than the client is no known one", () => {
  assert.equal(errorCodeOf("FROM_THE_FUTURE"), ErrorCode.UNSPECIFIED);
  assert.equal(errorCodeOf("UNSPECIFIED"), ErrorCode.UNSPECIFIED);
  assert.equal(errorCodeOf("INVALID_FIELD"), ErrorCode.INVALID_FIELD);
});
