// Builds the pages into a folder: `node build.js ../assets`. What is there afterwards is committed and compiled into the
// edge, so that building the gateway needs no Node. The same sources give the same bytes.

import { readFileSync, readdirSync, rmSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { documents } from "./documents.js";
import { page } from "./layout.js";

const here = dirname(fileURLToPath(import.meta.url));

/** Builds all pages and what they load into `folder`, which is emptied before; tells which links lead nowhere. */
export async function buildInto(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "docs"), { recursive: true });
  await build({
    absWorkingDir: here,
    entryPoints: {
      home: "src/home/home.ts",
      docs: "src/docs/docs.ts",
      openapi: "src/openapi/openapi.tsx",
      playground: "src/playground/playground.tsx",
      site: "src/common/site.css",
    },
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2022"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "none",
    outdir: folder,
  });
  for (const name of readdirSync(join(here, "static")).sort()) {
    writeFileSync(join(folder, name), readFileSync(join(here, "static", name)));
  }
  const openapi = JSON.parse(readFileSync(join(here, "../openapi.json"), "utf8"));
  for (const name of ["index", "openapi", "playground"]) {
    const main = readFileSync(join(here, "pages", `${name}.html`), "utf8").replace("<!--version-->", openapi.info.version);
    writeFileSync(join(folder, `${name}.html`), page(name, main));
  }
  const { pages, search, broken } = documents(join(here, "docs"), openapi);
  for (const [name, html] of Object.entries(pages)) writeFileSync(join(folder, "docs", `${name}.html`), html);
  writeFileSync(join(folder, "search.json"), JSON.stringify(search));
  return broken;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const broken = await buildInto(process.argv[2]);
  for (const link of broken) console.error(link);
  process.exitCode = broken.length === 0 ? 0 : 1;
}
