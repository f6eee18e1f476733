// Fails unless a folder holds just what the sources build: `node check.js ../assets`.

import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { buildInto } from "./build.js";

/** The files below a folder, by their paths in it. */
function files(folder) {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile())
    .map((path) => relative(folder, path))
    .sort();
}

const committed = process.argv[2];
const built = mkdtempSync(join(tmpdir(), "pages-"));
try {
  const broken = await buildInto(built);
  for (const link of broken) console.error(link);
  const names = [...new Set([...files(committed), ...files(built)])];
  const read = (folder, name) => {
    try {
      return readFileSync(join(folder, name));
    } catch {
      return Buffer.from("this file is not there");
    }
  };
  const stale = names.filter((name) => !read(committed, name).equals(read(built, name)));
  for (const name of stale) console.error(`${name} is not what the sources build; run npm run build`);
  process.exitCode = stale.length === 0 && broken.length === 0 ? 0 : 1;
} finally {
  rmSync(built, { recursive: true });
}
