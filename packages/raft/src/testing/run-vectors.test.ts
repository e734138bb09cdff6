import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, test } from "node:test";
import { parseDirectiveLine, rewriteDirectives, runDirectives } from "./datadriven.ts";
import { interactionHandler } from "./interaction/commands.ts";
import { describeMismatch, findVectorFiles, runVectorFile } from "./run-vectors.ts";

const packageRoot = path.resolve(import.meta.dirname, "../..");
const ownFiles = path.join(packageRoot, "testdata");
const sharedFiles = path.resolve(packageRoot, "../../../shared/vectors/raft");

function testFiles(root: string): void {
  for (const file of findVectorFiles(root)) {
    test(path.relative(root, file), () => {
      const mismatch = runVectorFile(file);
      assert.equal(mismatch === undefined ? "" : describeMismatch(mismatch), "");
    });
  }
}

describe("the reference runs print what etcd prints", () => testFiles(ownFiles));

describe("etcd's own cases", { skip: existsSync(sharedFiles) ? false : `${sharedFiles} is absent` }, () => {
  if (existsSync(sharedFiles)) testFiles(sharedFiles);
});

describe("the data-driven format", () => {
  const echo = (text: string) => runDirectives("file", text, ({ input }) => input);

  const lines = [
    { name: "a bare command", line: "stabilize", want: ["stabilize", []] },
    { name: "bare arguments", line: "stabilize 1 2", want: ["stabilize", [["1"], ["2"]]] },
    { name: "one value", line: "x a=b", want: ["x", [["a", "b"]]] },
    { name: "an empty value", line: "x a= b", want: ["x", [["a", ""], ["b"]]] },
    { name: "several values", line: "x a=(b, c,d ,e)", want: ["x", [["a", "b", "c", "d ", "e"]]] },
    { name: "nested parentheses", line: "x a=(b(c,d), e)", want: ["x", [["a", "b(c,d)", "e"]]] },
  ];
  for (const { name, line, want } of lines) {
    test(`a line may hold ${name}`, () => {
      const { command, args } = parseDirectiveLine(line, "file:1");
      assert.deepEqual([command, args.map(({ key, values }) => [key, ...values])], want);
    });
  }
  for (const line of ["x =b", "x a=(b", "x a=(b,(c)"]) {
    test(`"${line}" is malformed`, () => {
      assert.throws(() => parseDirectiveLine(line, "file:1"), /cannot parse directive/);
    });
  }

  const files = [
    { name: "output ends at a blank line", text: "x\nab\n----\nab\n\nx\nc\n----\nc\n", ok: true },
    { name: "other output is a mismatch", text: "x\nab\n----\nba\n", ok: false },
    { name: "comments and blank lines are skipped", text: "# a\n\n\nx\nb\n----\nb\n", ok: true },
    {
      name: "a doubled separator allows blank lines",
      text: "x\na\n\nb\n----\n----\na\n\nb\n----\n----\n",
      ok: true,
    },
    { name: "a backslash joins lines", text: "x \\\n  y=1\nb\n----\nb\n", ok: true },
    { name: "subtests group directives", text: "subtest a\n\nx\nb\n----\nb\n\nsubtest end\n", ok: true },
  ];
  for (const { name, text, ok } of files) {
    test(name, () => assert.equal(echo(text) === undefined, ok));
  }

  test("a subtest must end", () => {
    assert.throws(() => echo("subtest a\n\nx\nb\n----\nb\n"), /EOF encountered without subtest end/);
  });

  test("rewriting what is right changes nothing", () => {
    for (const file of findVectorFiles(ownFiles)) {
      const text = readFileSync(file, "utf8");
      assert.equal(rewriteDirectives(file, text, interactionHandler()), text);
    }
  });

  test("rewriting replaces what is wrong, and keeps the rest", () => {
    const text = "# note\nx\na\n----\nwrong\n\n# end\n";
    assert.equal(
      rewriteDirectives("file", text, ({ input }) => `${input}\n\n${input}`),
      "# note\nx\na\n----\n----\na\n\na\n----\n----\n\n# end\n",
    );
  });
});
