// Starts the gateway's launcher, waits until it serves, and ends it by its process id.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../..", import.meta.url));
const binaries = resolve(process.env.GATEWAY_BIN_DIR ?? join(repository, "target/release"));
const startMilliseconds = 30_000;
const endMilliseconds = 45_000;
// With something in flight it takes up to 30 s.
const promptEndMilliseconds = 5_000;

/** A gateway with the built-in demo. Its settings are environment variables, and it inherits none. */
export async function startGateway(settings = {}) {
  const folder = await mkdtemp(join(tmpdir(), "gateway-"));
  const child = spawn(join(binaries, "chat-gateway"), {
    cwd: folder,
    env: {
      HTTP_LISTEN: "127.0.0.1:0",
      GRPC_LISTEN: "127.0.0.1:0",
      METRICS_LISTEN: "127.0.0.1:0",
      DATA_DIR: "data",
      DRAIN_DELAY_SECS: "0",
      RATE_LIMIT_PER_SECOND: "1000",
      RATE_LIMIT_BURST: "1000",
      ...settings,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  child.stderr.setEncoding("utf8").on("data", (text) => (log += text));
  const exit = once(child, "exit");

  /** Ends the gateway in good order; it must say that all went well. */
  async function stop() {
    child.kill("SIGTERM");
    const giveUp = setTimeout(() => child.kill("SIGKILL"), endMilliseconds);
    const [code, signal] = await exit;
    clearTimeout(giveUp);
    await rm(folder, { recursive: true });
    if (code !== 0) throw new Error(`the gateway ended with ${code ?? signal}: ${log}`);
  }

  try {
    const printed = await greeting(child, exit, () => log);
    const shown = (name) => printed.match(new RegExp(`^ *${name} +(\\S+)$`, "m"))[1];
    return { url: shown("HTTP"), grpc: shown("gRPC"), token: shown("token"), stop };
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  }
}

/** Gives a gateway to clients that leave before their answers end: nothing of theirs may keep it from ending. */
export async function withGatewayToLeave(leave) {
  const gateway = await startGateway();
  let begin;
  try {
    await leave(gateway);
  } finally {
    begin = performance.now();
    await gateway.stop();
  }
  assert.ok(performance.now() - begin < promptEndMilliseconds, "something kept the gateway from ending");
}

/** What the gateway prints once it serves, to the end of the line that tries it. */
async function greeting(child, exit, log) {
  let timer;
  const printed = new Promise((done) => {
    let text = "";
    child.stdout.setEncoding("utf8").on("data", (more) => {
      text += more;
      if (/^ *curl .*\n/m.test(text)) done(text);
    });
  });
  const ended = exit.then(([code]) => Promise.reject(new Error(`the gateway ended with ${code}: ${log()}`)));
  // Once the greeting is there, an end is somebody else's concern.
  ended.catch(() => {});
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no greeting in time: ${log()}`)), startMilliseconds);
  });
  try {
    return await Promise.race([printed, ended, late]);
  } finally {
    clearTimeout(timer);
  }
}
