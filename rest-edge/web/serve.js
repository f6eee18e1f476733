// Serves the pages as the sources are now, and all else from a running gateway: `node serve.js http://127.0.0.1:8080 8000`.
// For working on the pages without building the edge; a page that is asked for is built anew when a source is newer.

import { createServer, request as ask } from "node:http";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildInto } from "./build.js";

const here = fileURLToPath(new URL(".", import.meta.url));
const kinds = {
  ".html": "text/html; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".svg": "image/svg+xml",
};
// That of rest-edge/src/pages.rs, so that what it forbids is seen here first.
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Serves in front of a gateway; port 0 picks one. */
export async function serve(gateway, port) {
  const folder = mkdtempSync(join(tmpdir(), "pages-"));
  const current = builder(folder);
  const server = createServer((request, response) => {
    const file = fileOf(new URL(request.url, gateway).pathname);
    if (file === undefined) return pass(gateway, request, response);
    current().then(
      () => answer(join(folder, file), request, response, gateway),
      (error) => response.writeHead(500, { "content-type": "text/plain" }).end(String(error)),
    );
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const stop = async () => {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
    rmSync(folder, { recursive: true });
  };
  return { url: `http://127.0.0.1:${server.address().port}`, stop };
}

/** The file for a path, if it is one of the pages' own. */
function fileOf(path) {
  if (path === "/") return "index.html";
  if (path === "/openapi" || path === "/playground") return `${path.slice(1)}.html`;
  if (path === "/docs") return "docs/quickstart.html";
  // The edge fills this one in.
  if (path === "/docs/errors") return undefined;
  const [, folder, name] = /^\/(docs|assets)\/([\w.-]+)$/.exec(path) ?? [];
  if (folder === "docs") return `docs/${name}.html`;
  return name;
}

/** Builds when a source is newer than what was built last, one at a time. */
function builder(folder) {
  let built = 0;
  let last = Promise.resolve();
  return () => {
    const build = async () => {
      const newest = Math.max(...sources().map((path) => statSync(path).mtimeMs));
      if (newest <= built) return;
      await buildInto(folder);
      built = newest;
    };
    last = last.then(build, build);
    return last;
  };
}

function sources() {
  const below = ["src", "docs", "pages", "static"].flatMap((name) =>
    readdirSync(join(here, name), { recursive: true }).map((file) => join(here, name, file)),
  );
  return [...below, join(here, "../../README.md")];
}

function answer(path, request, response, gateway) {
  let content;
  try {
    content = readFileSync(path);
  } catch {
    return pass(gateway, request, response);
  }
  response
    .writeHead(200, { "content-type": kinds[extname(path)], "content-security-policy": policy, "cache-control": "no-store" })
    .end(content);
}

/** Hands a request on, and the answer back as it comes. */
function pass(gateway, request, response) {
  const onward = ask(new URL(request.url, gateway), { method: request.method, headers: request.headers }, (answered) => {
    response.writeHead(answered.statusCode, answered.headers);
    answered.pipe(response);
  });
  onward.on("error", (error) => response.destroy(error));
  response.on("close", () => onward.destroy());
  request.pipe(onward);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(process.argv[2], Number(process.argv[3] ?? 0));
  console.log(url);
}
