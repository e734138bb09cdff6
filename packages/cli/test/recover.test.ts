/** What `quorate utl recover` makes, started as a member: ours, and etcd's where there is one. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { makeMember } from "../src/utl/recover/testing.ts";

const bin = path.resolve(import.meta.dirname, "../../../bin");
const LONGEST_MS = 240_000;
const real = realEtcd();
const MEMBERS = [
  { name: "ours", command: path.join(bin, "etcd"), skip: false },
  {
    name: "etcd's",
    command: "found" in real ? real.found.etcd : "",
    skip: "missing" in real ? real.missing : false,
  },
];

async function output(program: string, ...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(path.join(bin, program), args, { timeout: LONGEST_MS })).stdout;
}

for (const { name, command, skip } of MEMBERS)
  test(`a cluster that was recovered goes on with all of its log, alone: ${name}`, { skip }, async () => {
    const folder = temporaryDir("recover");
    const [a, b, made] = ["a", "b", "new"].map((each) => path.join(folder, each));
    await makeMember(a!, { id: 1n, values: ["one"] });
    // Of its three values the database has one, and the last is not known to be committed.
    await makeMember(b!, { id: 2n, values: ["one", "two", "three"], committed: 2, applied: 1 });
    cpSync(b!, path.join(folder, "kept"), { recursive: true });
    await output("quorate", "utl", "recover", a!, b!, "--data-dir", made!, "--yes");

    await using server = await Server.start({
      command: [command],
      name: "b",
      dataDir: made!,
      startTimeoutMs: LONGEST_MS,
    });
    const ask = (...words: readonly string[]) =>
      output("etcdctl", "--endpoints", server.endpoint, "--command-timeout", "200s", ...words);
    assert.equal(await ask("put", "k", "four"), "OK\n");
    assert.match(await ask("get", "k", "--rev", "4", "-w", "fields"), /"Version" : 3\n"Value" : "three"\n/);
    assert.match(
      await ask("get", "k", "-w", "fields"),
      /"ModRevision" : 5\n"Version" : 4\n"Value" : "four"\n/,
    );
    assert.match(await ask("member", "list"), /^2, started, b, [^\n]*, false\n$/);
  });
