import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";

const bin = path.resolve(import.meta.dirname, "../../../bin");
const root = mkdtempSync(path.join(tmpdir(), "quorate-cli-test-"));
after(() => rmSync(root, { recursive: true, force: true }));

/** Nothing but PATH, from another directory. */
function run(command: string, args: string[]) {
  const result = spawnSync(command, args, { cwd: "/", env: { PATH: process.env.PATH }, encoding: "utf8" });
  return { status: result.status, stdout: result.stdout, stderr: result.stderr };
}

test("the version's first line is etcd's, from both commands and through a link", () => {
  const link = path.join(root, "linked-etcd");
  symlinkSync(path.join(bin, "etcd"), link);
  for (const command of [path.join(bin, "etcd"), path.join(bin, "quorate"), link]) {
    const { status, stdout, stderr } = run(command, ["--version"]);
    assert.deepEqual([status, stdout.split("\n")[0], stderr], [0, "etcd Version: 3.7.3", ""]);
  }
});

const questions = [
  { args: ["--version"], answer: "etcd Version: 3.7.3" },
  { args: ["--version=1", "--name", "a"], answer: "etcd Version: 3.7.3" },
  { args: ["--help"], answer: "\nMember:" },
  { args: ["-h", "--nope"], answer: "\nMember:" },
];
for (const { args, answer } of questions) {
  test(`${args.join(" ")} is answered whatever the environment says, as by etcd`, () => {
    const { status, stdout } = spawnSync(path.join(bin, "etcd"), args, {
      env: { PATH: process.env.PATH, ETCD_QUOTA_BACKEND_BYTES: "much" },
      encoding: "utf8",
    });
    assert.equal(status, 0);
    assert.ok(stdout.startsWith(`${answer}\n`), stdout);
  });
}

const mistakes = [
  { args: ["--nope"], status: 2, line: "flag provided but not defined: -nope" },
  {
    args: ["--listen-client-urls", "127.0.0.1:1"],
    status: 2,
    line: `invalid value "127.0.0.1:1" for flag -listen-client-urls: parse "127.0.0.1:1": first path segment in URL cannot contain colon`,
  },
  { args: ["--heartbeat-interval=0"], status: 1, line: "--heartbeat-interval must be >0 (set to 0ms)" },
  {
    args: ["--config-file=/no/such/file"],
    status: 1,
    line: "open /no/such/file: no such file or directory",
  },
];
for (const { args, status, line } of mistakes) {
  test(`${args.join(" ")} ends quorate with one clear line`, () => {
    const result = run(path.join(bin, "quorate"), args);
    assert.deepEqual([result.status, result.stderr], [status, `quorate: ${line} (see 'quorate --help')\n`]);
  });

  test(`${args.join(" ")} ends etcd as it ends etcd: ${status === 2 ? "with its usage" : "with a line of its log"}`, () => {
    const result = run(path.join(bin, "etcd"), args);
    assert.equal(result.status, status);
    if (status === 2) {
      assert.ok(result.stderr.startsWith(`${line}\nUsage:\n\n  etcd [flags]\n`), result.stderr);
      return;
    }
    const { level, msg, error } = JSON.parse(result.stderr) as Record<string, string>;
    assert.deepEqual([level, msg, error], ["warn", "failed to verify flags", line]);
  });
}

test("a variable beside its flag is a fatal conflict", () => {
  const { status, stderr } = spawnSync(path.join(bin, "etcd"), ["--name=a"], {
    env: { PATH: process.env.PATH, ETCD_NAME: "" },
    encoding: "utf8",
  });
  const record = JSON.parse(stderr) as Record<string, string>;
  assert.deepEqual([status, record.level, record["environment-variable"]], [1, "fatal", "ETCD_NAME"]);
});

test("help names every flag, each with its effect", () => {
  const { status, stdout } = run(path.join(bin, "quorate"), ["server", "--help"]);
  assert.equal(status, 0);
  assert.match(stdout, /^Usage:\n/);
  assert.match(stdout, /--listen-client-urls 'http:\/\/localhost:2379'/);
  assert.match(stdout, /--distributed-tracing-address 'localhost:4317'\n/);
  assert.doesNotMatch(stdout, /not supported yet|no effect yet/i);
  assert.ok(!stdout.includes("\x1b"), "nothing is emphasized where there is no terminal");
});

test("an unknown command says which ones there are", () => {
  const { status, stderr } = run(path.join(bin, "quorate"), ["bogus"]);
  assert.equal(status, 2);
  assert.match(stderr, /unknown command "bogus"[\s\S]*quorate server \[flags\]/);
});

test("it logs JSON in etcd's layout, says when it serves, and SIGTERM ends it by that signal", async () => {
  const child = spawn(
    path.join(bin, "etcd"),
    [
      "--data-dir",
      path.join(root, "data"),
      "--listen-client-urls=http://127.0.0.1:0",
      "--advertise-client-urls=http://127.0.0.1:0",
      "--listen-peer-urls=http://127.0.0.1:0",
    ],
    { stdio: ["ignore", "pipe", "pipe"], env: { PATH: process.env.PATH } },
  );
  const exited = new Promise<string | null>((resolve) => {
    child.once("exit", (_code, signal) => resolve(signal));
  });
  let output = "";
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error(output)));
    child.stderr.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes('"msg":"ready to serve client requests"')) resolve();
    });
  });
  for (const line of output.trim().split("\n")) {
    const record = JSON.parse(line) as Record<string, string>;
    for (const field of ["level", "ts", "caller", "msg"]) assert.ok(record[field], `${field} in ${line}`);
    assert.match(record.ts!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  }
  child.kill("SIGTERM");
  assert.equal(await exited, "SIGTERM");
});

const hasTerminals = spawnSync("script", ["--version"]).status === 0;

test("at a terminal the command etcd writes its log and nothing else, quorate a greeting too", {
  skip: !hasTerminals && "needs `script` (Debian: bsdutils)",
}, async () => {
  for (const [command, greets] of [
    ["etcd", false],
    ["quorate server", true],
  ] as const) {
    const args = ["--listen-client-urls", "--advertise-client-urls", "--listen-peer-urls"].map(
      (flag) => `${flag}=http://127.0.0.1:0`,
    );
    const dataDir = path.join(root, `at-a-terminal-${greets}`);
    const line = [path.join(bin, command), ...args, `--data-dir=${dataDir}`].join(" ");
    const child = spawn("script", ["-qec", line, "/dev/null"], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { PATH: process.env.PATH },
      timeout: 30_000,
    });
    let output = "";
    let asked = false;
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      // The greeting is the last thing that is written.
      if (asked || !output.includes(greets ? "Try:" : "serving client traffic")) return;
      asked = true;
      child.stdin.write("\x03");
    });
    await new Promise((resolve) => child.once("close", resolve));
    assert.match(output, /received signal; shutting down/);
    const others = output.split(/\r?\n/).filter((text) => !/^(?:\^C)?(?:\{.*\})?$/.test(text));
    assert.equal(others.length > 0, greets, others.join("\n"));
  }
});
