/**
 * Runs the `h2spec` conformance program against our server: every generic, http2 and hpack case must pass, on plaintext
 * and on TLS. Without Go the suite is skipped with a message. `H2SPEC` names a binary to use instead of installing one.
 */
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";

const MODULE = "github.com/summerwind/h2spec/cmd/h2spec@v2.2.1+incompatible";

function install(): string | undefined {
  if (process.env.H2SPEC !== undefined) return process.env.H2SPEC;
  if (spawnSync("go", ["version"]).status !== 0) return undefined;
  const directory = path.join(os.tmpdir(), "quorate-h2spec");
  const binary = path.join(directory, "h2spec");
  if (fs.existsSync(binary)) return binary;
  for (const module of [MODULE, MODULE.replace(/@.*/, "@latest")]) {
    const run = spawnSync("go", ["install", module], {
      env: { ...process.env, GOBIN: directory },
      encoding: "utf8",
      timeout: 300_000,
    });
    if (run.status === 0) return binary;
    console.error(run.stderr);
  }
  return undefined;
}

async function check(binary: string, secure: boolean): Promise<boolean> {
  const server = spawn(
    process.execPath,
    [path.join(import.meta.dirname, "h2spec-server.ts"), "0", secure ? "tls" : "plaintext"],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const port = await new Promise<string>((resolve, reject) => {
    server.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString().trim()));
    server.once("exit", () => reject(new Error("the server did not start")));
  });
  const flags = secure ? ["-t", "-k"] : [];
  const run = spawn(binary, ["-h", "127.0.0.1", "-p", port, "-o", "10", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  run.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await new Promise((resolve) => run.once("close", resolve));
  server.kill();
  const summary = /(\d+) tests, (\d+) passed, (\d+) skipped, (\d+) failed/.exec(output);
  const passed = summary !== null && summary[1] === summary[2];
  if (!passed) console.error(output);
  console.log(`h2spec, ${secure ? "TLS" : "plaintext"}: ${summary?.[0] ?? "no result"}`);
  return passed;
}

const binary = install();
if (binary === undefined) {
  console.log("skipped: h2spec needs Go to be installed (https://go.dev), or H2SPEC=/path/to/h2spec");
} else {
  const results = [await check(binary, false), await check(binary, true)];
  process.exitCode = results.every(Boolean) ? 0 : 1;
}
