import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { pathToFileURL } from "node:url";

const etcd = path.resolve(import.meta.dirname, "../../../bin/etcd");
const root = mkdtempSync(path.join(tmpdir(), "quorate-uncaught-test-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** A member that runs `code` when it gets the signal. */
async function start(name: string, code: string) {
  const planted = path.join(root, `${name}.mjs`);
  writeFileSync(planted, `process.on("SIGUSR2", () => { ${code} });`);
  const urls = ["listen-client", "advertise-client", "listen-peer"].map(
    (flag) => `--${flag}-urls=http://127.0.0.1:0`,
  );
  const child = spawn(etcd, ["--data-dir", path.join(root, name), ...urls], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, NODE_OPTIONS: `--import ${pathToFileURL(planted).href}` },
  });
  after(() => child.kill("SIGKILL"));
  let output = "";
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  await new Promise<void>((resolve, reject) => {
    void ended.then(() => reject(new Error(output)));
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('"msg":"ready to serve client requests"')) resolve();
    });
  });
  child.kill("SIGUSR2");
  const status = await ended;
  const lines = output.trim().split("\n");
  return { status, records: lines.map((line) => JSON.parse(line) as Record<string, string>) };
}

const mistakes = [
  { name: "an exception", code: `throw new TypeError("nobody catches this")` },
  {
    name: "an exception in a callback",
    code: `setTimeout(() => { throw new TypeError("nobody catches this") }, 1)`,
  },
  { name: "what is no exception", code: `throw "nobody catches this"`, type: "Error" },
  { name: "a rejection", code: `Promise.reject(new TypeError("nobody catches this"))` },
];
for (const { name, code, type = "TypeError" } of mistakes) {
  test(`${name} that nobody answers for is the last line of the log, and ends the process with 1`, async () => {
    const { status, records } = await start(name.replaceAll(" ", "-"), code);
    assert.equal(status, 1);
    const fatal = records.filter(({ level }) => level === "fatal");
    assert.equal(fatal.length, 1);
    assert.equal(records.at(-1), fatal[0]);
    const { msg, error, stacktrace } = fatal[0]!;
    assert.deepEqual([msg, error], ["member stopped", "nobody catches this"]);
    assert.match(stacktrace!, new RegExp(`^${type}: nobody catches this\n {4}at `));
  });
}
