import assert from "node:assert/strict";
import test from "node:test";
import { execute } from "../command-line/execute.ts";
import { Output } from "../command-line/output.ts";
import { StandardInput } from "../command-line/stdin.ts";
import { ETCDCTL, QUORATE_CTL } from "./commands.ts";
import type { ProgramName } from "./program.ts";

/** What a command line comes to that needs no server. */
async function run(
  words: readonly string[],
  environment: Record<string, string> = {},
  stdin = "",
  { name = "etcdctl", terminal = false }: { name?: ProgramName; terminal?: boolean } = {},
) {
  const written = { 1: "", 2: "" };
  const output = new Output(
    (descriptor, bytes) => {
      written[descriptor] += bytes.toString();
    },
    () => terminal,
  );
  async function* input() {
    if (stdin !== "") yield Buffer.from(stdin);
  }
  const root = name === "etcdctl" ? ETCDCTL : QUORATE_CTL;
  const code = await execute(root, words, { environment, input: new StandardInput(input), output });
  return { code, stdout: written[1], stderr: written[2] };
}

test("version says which etcd it is like", async () => {
  assert.deepEqual(await run(["version"]), {
    code: 0,
    stdout: "etcdctl version: 3.7.3\nAPI version: 3.7\n",
    stderr: "",
  });
});

const failures: {
  line: string;
  code: number;
  error: string;
  environment?: Record<string, string>;
}[] = [
  { line: "put", code: 128, error: "put command needs 1 argument and input from stdin or 2 arguments" },
  {
    line: "put k v --lease zz",
    code: 128,
    error: 'bad lease ID (strconv.ParseInt: parsing "zz": invalid syntax), expecting ID in Hex',
  },
  { line: "get k --consistency q", code: 4, error: 'unknown consistency flag "q"' },
  { line: "get k -w yaml", code: 4, error: "unsupported output format" },
  { line: "get k --cert=", code: 128, error: "empty string is passed to --cert option" },
  { line: "compaction x", code: 1, error: 'strconv.ParseInt: parsing "x": invalid syntax' },
  { line: "txn", code: 3, error: "EOF" },
  { line: "watch -i", code: 3, error: "error reading watch request line: EOF" },
  {
    line: "member add a --peer-urls=foo",
    code: 1,
    error: "URL scheme must be http, https, unix, or unixs: foo",
  },
  { line: "get k", code: 4, error: "unsupported output format", environment: { ETCDCTL_WRITE_OUT: "xml" } },
  { line: "check perf --load zz", code: 4, error: "unknown load option zz" },
];
for (const { line, code, error, environment } of failures) {
  test(`${line} exits with ${code}`, async () => {
    assert.deepEqual(await run(line.split(" "), environment), {
      code,
      stdout: "",
      stderr: `Error: ${error}\n`,
    });
  });
}

test("an interactive watch with keys that make no range is told so, and the next line is read", async () => {
  assert.deepEqual(await run(["watch", "-i"], {}, "watch a b --prefix\nother\n"), {
    code: 3,
    stdout: "",
    stderr: [
      "Invalid command watch a b --prefix (`range_end` and `--prefix` are mutually exclusive)",
      "Invalid command other (only support watch)",
      "Error: error reading watch request line: EOF",
      "",
    ].join("\n"),
  });
});

const passwords = [
  { stdin: "one\r\ntwo\n", error: "given passwords are different", asked: 2 },
  { stdin: "one\ntwo", error: "given passwords are different", asked: 2 },
  { stdin: " \nx\n", error: "empty password", asked: 1 },
  { stdin: "", error: "empty password", asked: 1 },
];
for (const { stdin, error, asked } of passwords) {
  test(`a password that is asked for comes from a pipe, too: ${JSON.stringify(stdin)}`, async () => {
    const prompts = ["Password of alice: \n", "Type password of alice again for confirmation: \n"];
    assert.deepEqual(await run(["user", "add", "alice"], {}, stdin), {
      code: 128,
      stdout: prompts.slice(0, asked).join(""),
      stderr: `Error: ${error}\n`,
    });
  });
}

test("a variable and a flag that say the same are too much", async () => {
  const { code, stderr } = await run(["get", "k", "--endpoints", "b"], { ETCDCTL_ENDPOINTS: "a" });
  assert.equal(code, 1);
  assert.match(stderr, /conflicting environment variable is shadowed .*ETCDCTL_ENDPOINTS/);
});

test("an unknown word is told with what may have been meant", async () => {
  const { code, stderr } = await run(["gte"]);
  assert.equal(code, 1);
  assert.equal(
    stderr,
    `Error: unknown command "gte" for "etcdctl"\n\nDid you mean this?\n\tget\n\nRun 'etcdctl --help' for usage.\n`,
  );
});

const unanswered: { name: ProgramName; terminal: boolean; flags: string[]; explains: boolean }[] = [
  { name: "quorate ctl", terminal: true, flags: [], explains: true },
  { name: "quorate ctl", terminal: true, flags: ["-w", "json"], explains: false },
  { name: "quorate ctl", terminal: false, flags: [], explains: false },
  { name: "etcdctl", terminal: true, flags: [], explains: false },
];
for (const { name, terminal, flags, explains } of unanswered) {
  const where = [terminal ? "a terminal" : "no terminal", ...flags].join(" ");
  test(`${name} at ${where} ${explains ? "explains" : "says only"} that nobody answered`, async () => {
    const words = ["get", "k", "--endpoints", "unix:///nowhere/at.all", "--command-timeout", "1ms", ...flags];
    const { code, stdout, stderr } = await run(words, {}, "", { name, terminal });
    assert.deepEqual([code, stdout], [1, ""]);
    const [first, ...more] = stderr.trimEnd().split("\n");
    assert.equal(first, "Error: context deadline exceeded");
    assert.equal(
      more[0],
      explains ? "  unix:///nowhere/at.all is no socket: nobody listens there" : undefined,
    );
  });
}

for (const shell of ["bash", "zsh", "fish", "powershell"]) {
  test(`the completion for ${shell} knows the commands`, async () => {
    const { code, stdout } = await run(["completion", shell]);
    assert.equal(code, 0);
    for (const name of ["member", "make-mirror", "grant-permission", "--write-out"])
      assert.ok(stdout.includes(name), name);
  });
}

test("what is printed of all settings has no passwords and tokens", async () => {
  const secrets = ["--user=u:planted", "--password=planted", "--auth-jwt-token=planted"];
  const { stderr } = await run(["get", "k", "--debug", ...secrets, "--cert="]);
  assert.match(stderr, /^ETCDCTL_USER=u:\*\*\*$/m);
  assert.match(stderr, /^ETCDCTL_AUTH_JWT_TOKEN=\*\*\*$/m);
  assert.equal(stderr.includes("planted"), false);
});
