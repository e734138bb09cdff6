import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { LinePrefixer } from "../src/dev/line-prefixer.ts";
import { DevError, parseDevOptions } from "../src/dev/options.ts";

const bin = path.resolve(import.meta.dirname, "../../../bin/quorate");
const fake = `${process.execPath} ${path.join(import.meta.dirname, "fake-member.ts")}`;
const root = mkdtempSync(path.join(tmpdir(), "quorate-dev-test-"));
const running = new Set<ChildProcess>();
after(() => {
  for (const child of running) child.kill("SIGKILL");
  rmSync(root, { recursive: true, force: true });
});

/** One `quorate dev` and everything it has said so far. */
class Dev {
  output = "";
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor(args: readonly string[], env: Record<string, string> = {}) {
    this.child = spawn(bin, ["dev", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { PATH: process.env.PATH, TMPDIR: root, ...env },
    });
    running.add(this.child);
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.on("data", (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
    this.ended = new Promise((resolve) =>
      this.child.once("close", (code) => {
        running.delete(this.child);
        resolve(code);
      }),
    );
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    let match: RegExpExecArray | null = null;
    await until(() => {
      match = pattern.exec(this.output);
      if (match === null && !running.has(this.child))
        throw new Error(`it ended without ${pattern}:
${this.output}`);
      return match !== null;
    });
    return match!;
  }
}

function dataDirOf(dev: Dev): string {
  return /Data: (\S+)/.exec(dev.output)![1]!;
}

test("three members are told of each other; the banner says how to reach them; SIGTERM stops all", async () => {
  const dev = new Dev(["--port", "0", "--command", fake], { ETCD_NAME: "other", ETCD_LOG_LEVEL: "debug" });
  await dev.says(/3 of 3 members serve/);
  const dataDir = (await dev.says(/Data: (\S+) \(removed at the end\)/))[1]!;
  const [, endpoints] = await dev.says(/export ETCDCTL_ENDPOINTS=(\S+)/);
  assert.equal(new Set(endpoints!.split(",")).size, 3);
  await dev.says(/curl http:\/\/127\.0\.0\.1:\d+\/v3\/kv\/range/);
  for (const name of ["m1", "m2", "m3"]) {
    await dev.says(
      new RegExp(`^${name} \\| ${name} has m1=http://127.0.0.1:\\d+,m2=http\\S+,m3=http\\S+$`, "m"),
    );
    // A flag's variable would conflict with the flag; the others are the operator's.
    await dev.says(new RegExp(`^${name} \\| ${name} sees no name and debug level$`, "m"));
  }
  assert.ok(existsSync(dataDir));
  dev.child.kill("SIGTERM");
  assert.equal(await dev.ended, 0);
  for (const name of ["m1", "m2", "m3"])
    assert.match(dev.output, new RegExp(`^${name} \\| ${name} stops$`, "m"));
  assert.doesNotMatch(dev.output, /ended by itself/);
  assert.ok(!existsSync(dataDir));
  assert.ok(!dev.output.includes("\x1b"), "colours without a terminal");
});

test("a member that dies is reported with what is left, and is not started again", async () => {
  const dev = new Dev(["--port", "0", "--command", fake, "--", "--die", "m2"]);
  await dev.says(/m2 \| a last word without a newline\n/);
  await dev.says(/\*\*\* member m2 ended by itself: exit code 3/);
  await dev.says(/2 of 3 members go on\./);
  await dev.says(/2 of 3 members serve/);
  dev.child.kill("SIGINT");
  assert.equal(await dev.ended, 0);
  assert.equal(dev.output.match(/m2 has/g)!.length, 1);
});

test("when the last member dies it ends with 1, and keeps what there is", async () => {
  const dev = new Dev(["--size", "1", "--port", "0", "--command", fake, "--", "--die", "m1"]);
  assert.equal(await dev.ended, 1);
  assert.match(dev.output, /its data is in \S+\/m1\. No member is left\./);
});

test("a command that does not exist is reported", async () => {
  const dev = new Dev(["--size", "1", "--port", "0", "--command", "/nowhere/etcd"]);
  assert.equal(await dev.ended, 1);
  assert.match(dev.output, /member m1 ended by itself: spawn \/nowhere\/etcd ENOENT/);
});

test("a second signal kills members that do not stop", async () => {
  const dev = new Dev(["--size", "1", "--port", "0", "--command", fake, "--", "--deaf", "m1"]);
  await dev.says(/One member serves/);
  await dev.says(/Data: /);
  dev.child.kill("SIGINT");
  await dev.says(/m1 \| m1 heard/);
  dev.child.kill("SIGINT");
  assert.equal(await dev.ended, 1);
  assert.ok(!existsSync(dataDirOf(dev)));
});

test("a kept data directory gives the cluster its ports and its size again", async () => {
  const dataDir = path.join(root, "kept");
  const first = new Dev(["--size", "2", "--port", "0", "--data-dir", dataDir, "--command", fake]);
  const [, endpoints] = await first.says(/export ETCDCTL_ENDPOINTS=(\S+)/);
  first.child.kill("SIGTERM");
  assert.equal(await first.ended, 0);
  const second = new Dev(["--data-dir", dataDir, "--command", fake]);
  assert.equal((await second.says(/export ETCDCTL_ENDPOINTS=(\S+)/))[1], endpoints);
  second.child.kill("SIGTERM");
  assert.equal(await second.ended, 0);

  const other = new Dev(["--size", "3", "--data-dir", dataDir]);
  assert.equal(await other.ended, 2);
  assert.match(other.output, /kept holds a cluster of 2, not of 3/);

  const file = path.join(dataDir, "dev-cluster.json");
  for (const damage of [
    "",
    "[",
    "[]",
    '[{"clientPort":1}]',
    '[{"clientPort":1,"peerPort":70000}]',
    "[null]",
  ]) {
    writeFileSync(file, damage);
    const damaged = new Dev(["--data-dir", dataDir]);
    assert.equal(await damaged.ended, 2, damage);
    assert.match(damaged.output, /dev-cluster\.json is damaged/);
  }
});

test("a port that is taken is named before anything starts", async () => {
  const holder = createServer();
  const port = await listenOnFreePort(holder);
  const dev = new Dev(["--size", "1", "--port", String(port), "--command", fake]);
  assert.equal(await dev.ended, 2);
  assert.equal(
    dev.output,
    `quorate dev: port ${port} is in use; choose others with --port N, or free ones with --port 0 (see 'quorate dev --help')\n`,
  );
  await new Promise((resolve) => holder.close(resolve));
});

test("members of our own form a cluster, and end when quorate dev is killed", async () => {
  const dev = new Dev(["--port", "0"]);
  const [, list] = await dev.says(/export ETCDCTL_ENDPOINTS=(\S+)/);
  const urls = list!.split(",").map((endpoint) => `http://${endpoint}`);
  const call = async (url: string, body: string) => {
    const response = await fetch(url, { method: "POST", body });
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as { kvs?: { value: string }[] };
  };
  await call(`${urls[0]}/v3/kv/put`, '{"key":"YQ==","value":"Yg=="}');
  for (const url of urls) {
    const { kvs } = await call(`${url}/v3/kv/range`, '{"key":"YQ=="}');
    assert.equal(kvs?.[0]?.value, "Yg==");
  }
  dev.child.kill("SIGKILL");
  await dev.ended;
  for (const url of urls) {
    await until(async () => !(await answers(`${url}/version`)));
  }
});

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

test("help names the flags and the default ports", async () => {
  const dev = new Dev(["--help"]);
  assert.equal(await dev.ended, 0);
  assert.match(dev.output, /--size N[\s\S]*--data-dir PATH[\s\S]*clients at 23790, 23800, 23810/);
});

const mistakes: readonly (readonly [string[], RegExp])[] = [
  [["--size", "0"], /--size takes a number from 1 to 9, not "0"/],
  [["--size", "10"], /--size takes a number from 1 to 9/],
  [["--size", "3x"], /--size takes a number/],
  [["--port", "-1"], /--port/],
  [["--port", "65001"], /--port takes a number from 0 to 65000/],
  [["--nope"], /--nope/],
  [["three"], /three/],
  [["--command", " "], /--command is empty/],
];
for (const [args, message] of mistakes) {
  test(`${args.join(" ")} is refused with one line`, () => {
    assert.throws(
      () => parseDevOptions(args),
      (error: Error) =>
        error instanceof DevError && message.test(error.message) && !error.message.includes("\n"),
    );
  });
}

test("what follows -- is the members' own", () => {
  const { size, memberFlags } = parseDevOptions([
    "--size",
    "5",
    "--",
    "--size",
    "x",
    "--",
    "--log-level=warn",
  ]);
  assert.deepEqual([size, memberFlags], [5, ["--size", "x", "--", "--log-level=warn"]]);
});

test("lines keep their prefix however they arrive, and one without an end is broken up", async () => {
  const lines = new LinePrefixer("> ");
  for (const chunk of ["a", "b\nc\n\nd", "\n", "x".repeat(70_000), "y\n", "end"]) lines.write(chunk);
  lines.end();
  let text = "";
  for await (const chunk of lines) text += String(chunk);
  assert.equal(text, `> ab\n> c\n> \n> d\n> ${"x".repeat(70_000)}\n> y\n> end\n`);
});
