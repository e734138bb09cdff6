/** Builds the site of the documents with VitePress (npm), which fails when a link between them leads nowhere. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { cacheDir } from "@quorate/testkit/etcd";
import { repositoryRoot } from "@quorate/testkit/target";
import { pages } from "./pages.ts";

const VITEPRESS = "1.6.4";
const FOLDER = path.join(cacheDir, `vitepress-${VITEPRESS}`);
const PROGRAM = path.join(FOLDER, "node_modules/vitepress/bin/vitepress.js");
const LONGEST_MS = 600_000;
const run = promisify(execFile);

/** Why it cannot be run here; undefined when it can. */
async function install(): Promise<string | undefined> {
  if (existsSync(PROGRAM)) return undefined;
  try {
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(path.join(FOLDER, "package.json"), '{"private":true}');
    const options = ["--no-audit", "--no-fund", "--ignore-scripts"];
    await run("npm", ["install", ...options, `vitepress@${VITEPRESS}`], { cwd: FOLDER, timeout: LONGEST_MS });
    return undefined;
  } catch (error) {
    return `vitepress cannot be installed: ${(error as Error).message}`;
  }
}

test("the documents are a site", async (t) => {
  const reason = await install();
  if (reason !== undefined) return t.skip(reason);
  const out = mkdtempSync(path.join(tmpdir(), "quorate-site-"));
  t.after(() => rmSync(out, { recursive: true, force: true }));
  const args = [PROGRAM, "build", "docs", "--outDir", out];
  await run(process.execPath, args, { cwd: repositoryRoot, timeout: LONGEST_MS });
  for (const page of ["index", ...pages()]) assert.ok(existsSync(path.join(out, `${page}.html`)), page);
});
