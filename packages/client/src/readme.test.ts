import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { killAtExit, Server, temporaryDir } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";

test("the example of the README runs", { timeout: 180_000 }, async () => {
  const readme = readFileSync(path.join(import.meta.dirname, "../README.md"), "utf8");
  const [, example] = /```ts\n([\s\S]*?)```/.exec(readme)!;
  await using server = await Server.start({ command: target().command, startTimeoutMs: 120_000 });
  const file = path.join(temporaryDir("readme"), "example.ts");
  const front = path.join(import.meta.dirname, "index.ts");
  writeFileSync(file, example!.replace("127.0.0.1:2379", server.endpoint).replace("@quorate/client", front));
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", file]);
  killAtExit(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const code = await new Promise((resolve) => child.on("close", resolve));
  assert.equal(output, "waiting 2n\nchanged: jobs/1\n");
  assert.equal(code, 0);
});
