import assert from "node:assert/strict";
import test from "node:test";
import { etcdutl } from "./testing.ts";

test("version says which etcd it is like", async () => {
  const stdout = "etcdutl version: 3.7.3\nAPI version: 3.7\n";
  assert.deepEqual(await etcdutl("version"), { code: 0, stdout, stderr: "" });
});

const complaints = [
  { line: "hashkv", error: "accepts 1 arg(s), received 0" },
  { line: "defrag", error: 'required flag(s) "data-dir" not set' },
  { line: "migrate", error: 'required flag(s) "data-dir", "target-version" not set' },
  { line: "migrate --data-dir d", error: 'required flag(s) "target-version" not set' },
  { line: "completion tcsh", error: 'invalid argument "tcsh" for "etcdutl completion"' },
  { line: "--bogus", error: "unknown flag: --bogus" },
  {
    line: "version --timeout x",
    error: 'invalid argument "x" for "--timeout" flag: time: invalid duration "x"',
  },
];
for (const { line, error } of complaints) {
  test(`${line}: what is wrong stands before and behind how the command is used`, async () => {
    const { code, stdout, stderr } = await etcdutl(...line.split(" "));
    assert.deepEqual([code, stdout], [1, ""]);
    const lines = stderr.split("\n");
    assert.deepEqual([lines[0], lines[1], lines.at(-2)], [`Error: ${error}`, "Usage:", `Error: ${error}`]);
  });
}

const failures = [
  { line: "snapshot status", code: 128, error: "snapshot status requires exactly one argument" },
  { line: "snapshot status nope", code: 1, error: "stat nope: no such file or directory" },
  { line: "snapshot status nope -w yaml", code: 1, error: "stat nope: no such file or directory" },
  { line: "snapshot restore", code: 128, error: "snapshot restore requires exactly one argument" },
  {
    line: "snapshot restore a --bump-revision 3",
    code: 128,
    error: "--mark-compacted required if --revision-bump > 0",
  },
  {
    line: "snapshot restore a --mark-compacted",
    code: 128,
    error: "--mark-compacted required if --revision-bump > 0",
  },
  { line: "hashkv nope -w yaml", code: 4, error: "unsupported output format" },
  { line: "hashkv nope", code: 1, error: "stat nope: no such file or directory" },
  {
    line: "defrag --data-dir nope",
    code: 1,
    error: "Failed to defragment etcd data[nope] (stat nope/member/snap/db: no such file or directory)",
  },
];
for (const { line, code, error } of failures) {
  test(`${line} exits with ${code}`, async () => {
    assert.deepEqual(await etcdutl(...line.split(" ")), { code, stdout: "", stderr: `Error: ${error}\n` });
  });
}

test("an unknown word is told with what may have been meant, twice", async () => {
  const complaint = 'Error: unknown command "defragg" for "etcdutl"\n\nDid you mean this?\n\tdefrag\n\n';
  assert.deepEqual(await etcdutl("defragg"), {
    code: 1,
    stdout: "",
    stderr: `${complaint}Run 'etcdutl --help' for usage.\n${complaint}`,
  });
});

test("a command's help has the flags of all commands, too", async () => {
  const { code, stdout } = await etcdutl("snapshot", "restore", "--help");
  assert.equal(code, 0);
  assert.match(stdout, /^Usage:\n {2}etcdutl snapshot restore /);
  for (const flag of ["--bump-revision uint", "--wal-dir string", "Global Flags:", "--timeout duration"])
    assert.ok(stdout.includes(flag), flag);
});

for (const shell of ["bash", "zsh", "fish", "powershell"]) {
  test(`the completion for ${shell} knows the commands`, async () => {
    const { code, stdout } = await etcdutl("completion", shell);
    assert.equal(code, 0);
    for (const name of ["etcdutl snapshot", "restore", "--mark-compacted", "--write-out"]) {
      if (shell !== "fish" || !name.startsWith("etcdutl ")) assert.ok(stdout.includes(name), name);
    }
    assert.doesNotMatch(stdout, /etcdctl/);
  });
}
