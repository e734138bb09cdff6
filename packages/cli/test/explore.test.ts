/** What `quorate ctl` has beyond etcdctl, against a member. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import path from "node:path";
import { after, before, test } from "node:test";
import { killAtExit, Server } from "@quorate/testkit/process";

const bin = path.resolve(import.meta.dirname, "../../../bin");
const LONGEST_MS = 240_000;

let server: Server;
before(async () => {
  server = await Server.start({ command: [path.join(bin, "etcd")], startTimeoutMs: LONGEST_MS });
});
after(() => server.kill());

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `program` is a command of `bin`, with its first arguments. Its input ends when its output is like `until`, or at once. */
async function run(
  program: readonly string[],
  args: readonly string[],
  stdin = "",
  until?: RegExp,
): Promise<Ended> {
  const [command, ...first] = program;
  const child = spawn(path.join(bin, command!), [...first, ...args], {
    env: { ...process.env, ETCDCTL_ENDPOINTS: server.endpoint, ETCDCTL_COMMAND_TIMEOUT: "200s" },
    timeout: LONGEST_MS,
  });
  killAtExit(child);
  const text = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (chunk: string) => {
      text[name] += chunk;
      if (until?.test(text.stdout)) child.stdin.end();
    });
  child.stdin.on("error", () => {});
  child.stdin.write(stdin);
  if (until === undefined) child.stdin.end();
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  return { code, ...text };
}

const ctl = (args: readonly string[], stdin?: string) => run(["quorate", "ctl"], args, stdin);

async function output(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ctl(args);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" }, args.join(" "));
  return stdout;
}

async function loadKeys(lines: readonly object[]): Promise<Ended> {
  return ctl(["load"], lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
}

test("keys are shown as folders, counted, compared and followed through revisions", async () => {
  const keys = ["/app/a", "/app/b/1", "/app/b/2", "/app/c d", "other"];
  // All in one transaction: revision 2.
  const loaded = await loadKeys(keys.map((key) => ({ key, value: `value of ${key}` })));
  assert.deepEqual(loaded, { code: 0, stdout: "loaded 5 keys and 0 leases\n", stderr: "" });

  assert.equal(
    await output("tree"),
    [
      "(all keys) (5 keys)",
      "├── / (4 keys)",
      "│   └── app/ (4 keys)",
      "│       ├── a",
      "│       ├── b/ (2 keys)",
      "│       │   ├── 1",
      "│       │   └── 2",
      '│       └── "c d"',
      "└── other",
      "",
    ].join("\n"),
  );
  assert.equal(
    await output("tree", "/app/", "--depth", "1"),
    '/app/ (4 keys)\n├── a\n├── b/ (2 keys)\n└── "c d"\n',
  );

  assert.equal(
    await output("du", "/app/"),
    ["21\t1\t/app/a", "50\t2\t/app/b/", '25\t1\t"/app/c d"', "96\t4\t/app/", ""].join("\n"),
  );

  await output("put", "/app/a", "second"); // 3
  await output("del", "/app/b/1"); // 4
  await output("put", "/app/a", "third"); // 5
  assert.equal(
    await output("diff", "2", "5", "/app/"),
    '~ /app/a\t"value of /app/a" -> third\n- /app/b/1\t"value of /app/b/1"\n',
  );
  assert.equal(await output("diff", "5", "4"), "~ /app/a\tthird -> second\n");
  assert.equal(await output("diff", "4", "4"), "");
  assert.equal(
    await output("history", "/app/a"),
    '2\tPUT\t1\t"value of /app/a"\n3\tPUT\t2\tsecond\n5\tPUT\t3\tthird\n',
  );
  assert.equal(await output("history", "/app/b/1"), '2\tPUT\t1\t"value of /app/b/1"\n4\tDELETE\n');
  assert.equal(await output("history", "none"), "");
  // What is no longer live of /app/a: 21 and 12 bytes; of /app/b/1 25, and its name in the deletion.
  assert.equal(
    await output("du", "/app/", "--history", "--depth", "0"),
    `${11 + 25 + 25}\t${21 + 12 + 25 + 8}\t3\t/app/\n`,
  );

  await output("compaction", "3");
  assert.equal(await output("history", "/app/a"), "3\tPUT\t2\tsecond\n5\tPUT\t3\tthird\n");
  assert.equal(await output("history", "/app/b/1"), '2\tPUT\t1\t"value of /app/b/1"\n4\tDELETE\n');
  const tooOld = await ctl(["diff", "2", "5"]);
  assert.deepEqual(tooOld, {
    code: 1,
    stdout: "",
    stderr: "Error: etcdserver: mvcc: required revision has been compacted\n",
  });
});

test("what is dumped is there again after it was loaded", async () => {
  const lease = "1a2b3c";
  const binary = { keyBase64: "/wA=", valueBase64: "AP8=" };
  const lines = [{ lease, ttl: 5000 }, { key: "dumped/a", value: "1\n2", lease }, binary];
  assert.equal((await loadKeys(lines)).stdout, "loaded 2 keys and 1 leases\n");
  const dumped = await output("dump");
  const parsed = dumped
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { key?: string; keyBase64?: string; lease?: string; ttl?: number });
  assert.deepEqual(
    parsed.find(({ ttl }) => ttl !== undefined),
    { lease: "00000000001a2b3c", ttl: 5000 },
  );
  const ofKey = parsed.find(({ key }) => key === "dumped/a");
  assert.ok(ofKey !== undefined && ofKey.lease === "00000000001a2b3c");

  const keysBefore = await output("get", "", "--prefix");
  await output("del", "", "--prefix");
  await output("lease", "revoke", lease);
  const { stdout } = await ctl(["load"], dumped);
  assert.match(stdout, /^loaded \d+ keys and 1 leases\n$/);
  assert.equal(await output("get", "", "--prefix"), keysBefore);
  assert.match(await output("lease", "timetolive", lease, "--keys"), /TTL\(5000s\).*keys\(\[dumped\/a\]\)/);
});

test("a line that is no line of a dump is told with its number, and what stands before it is stored", async () => {
  const wrong = await ctl(["load"], '{"key":"early","value":"1"}\n{"key":"late"}\n');
  assert.deepEqual(wrong, { code: 3, stdout: "", stderr: "Error: line 2: no value\n" });
  assert.equal(await output("get", "early", "--print-value-only"), "1\n");
  const cut = await ctl(["load"], '{"key":"early","value":"2"}\n{"key":"la');
  assert.deepEqual(cut, {
    code: 3,
    stdout: "",
    stderr: "Error: the last line has no end: something is missing\n",
  });
  assert.equal(await output("get", "early", "--print-value-only"), "2\n");
});

test("values are laid out when that is asked for, and otherwise only on a terminal", async () => {
  await output("put", "values/json", '{"a":[1]}');
  await output("put", "values/text", "plain");
  const plain = 'values/json\n{"a":[1]}\nvalues/text\nplain\n';
  const laidOut = 'values/json\n{\n  "a": [\n    1\n  ]\n}\nvalues/text\nplain\n';
  assert.equal(await output("get", "values/", "--prefix"), plain);
  assert.equal(await output("get", "values/", "--prefix", "--decode", "auto"), laidOut);
  assert.equal(await output("get", "values/", "--prefix", "--decode=k8s"), plain);
  assert.equal(await output("get", "values/text", "--decode=auto", "--print-value-only"), "plain\n");
  const refused = [
    { args: ["--decode", "yaml"], code: 4, error: 'unknown decoding "yaml"' },
    { args: ["--decode=auto", "-w", "json"], code: 128, error: "--decode is only for `--write-out=simple`" },
    {
      args: ["--decode=auto", "--hex"],
      code: 128,
      error: "`--decode` and `--hex` cannot be set at the same time, choose one",
    },
  ];
  for (const { args, code, error } of refused)
    assert.deepEqual(await ctl(["get", "values/json", ...args]), {
      code,
      stdout: "",
      stderr: `Error: ${error}\n`,
    });
});

test("a watch tells only what is different in values when that is asked for", async () => {
  const first = 2 + Number(/"Revision" : (\d+)/.exec(await output("get", "none", "-w", "fields"))![1]);
  await output("put", "watched", '{"a":1,"b":2}');
  await output("put", "watched", '{"a":1,"b":3}');
  await output("del", "watched");
  await output("put", "watched", "end");
  // The first put is not watched, but what it was is known.
  const watched = await run(
    ["quorate", "ctl"],
    ["watch", "-i"],
    `watch --watch-only-changes --rev ${first} watched\n`,
    /\+ end\n/,
  );
  assert.equal(
    watched.stdout,
    'PUT\nwatched\n-   "b": 2\n+   "b": 3\nDELETE\nwatched\nPUT\nwatched\n+ end\n',
  );
  const refused = await ctl(["watch", "watched", "--watch-only-changes", "-w", "json"]);
  assert.deepEqual(refused, {
    code: 128,
    stdout: "",
    stderr: "Error: --watch-only-changes is only for `--write-out=simple`\n",
  });
});

test("top tells once what members do and where keys change, when nobody looks", async () => {
  const tell = async () => {
    let isOver = false;
    const told = ctl(["top", "hot/", "--interval", "300ms", "--depth", "2"]).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      const puts = Array.from({ length: 20 }, (_, i) => ({ key: `hot/a/${i}`, value: "v" }));
      await loadKeys([...puts, { key: "hot/b", value: "v" }, { key: "cold", value: "v" }]);
    }
    const { code, stdout, stderr } = await told;
    assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
    return stdout;
  };
  let stdout = await tell();
  // On a busy machine nothing may be written for that long.
  while (!stdout.includes("\nhot/")) stdout = await tell();
  assert.match(stdout, /^leader\tm1\nterm\t\d+\nrevision\t\d+\ntransactions\/s\t[\d.]+\n/m);
  assert.match(stdout, /^m1\t[0-9a-f]+\tleader\t3\.7\.3\t\d+\t\d+\t\d+\t\d+\t\d+\t[\d.]+ms\n/m);
  assert.match(stdout, /^hot\/a\/\t[\d.]+\t\d+\t\d+0\nhot\/b\t/m);
  assert.doesNotMatch(stdout, /cold/);
});

test("top refuses what it cannot do", async () => {
  const lines = [
    { args: ["a", "b"], error: "top command takes one prefix at most" },
    { args: ["--interval", "1ms"], error: "--interval is shorter than 50ms" },
    { args: ["--depth", "0"], error: "--depth is less than 1" },
  ];
  for (const { args, error } of lines)
    assert.deepEqual(await ctl(["top", ...args]), { code: 128, stdout: "", stderr: `Error: ${error}\n` });
});

test("under etcdctl's name there is none of it", async () => {
  for (const name of ["tree", "du", "history", "diff", "dump", "load", "top"]) {
    const { code, stderr } = await run(["etcdctl"], [name]);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^Error: unknown command "${name}" for "etcdctl"`));
  }
  for (const line of ["get a --decode=auto", "watch a --watch-only-changes"]) {
    const { code, stderr } = await run(["etcdctl"], line.split(" "));
    assert.equal(code, 1);
    assert.match(stderr, /^Error: unknown flag: --/);
  }
  assert.doesNotMatch((await run(["etcdctl"], ["help"])).stdout, /^ +(tree|history|diff) /m);
  assert.match(await output("help"), /^ +tree .*\n/m);
});
