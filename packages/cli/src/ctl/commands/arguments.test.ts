import assert from "node:assert/strict";
import test from "node:test";
import { Exit } from "../../command-line/exit.ts";
import { parseCompare } from "./txn-grammar.ts";
import { watchArguments } from "./watch-arguments.ts";

const NO_ENVIRONMENT = { key: "", rangeEnd: "" };
const watches: {
  words: string;
  positional: string;
  environment?: { key: string; rangeEnd: string };
  want: { keys: string[]; command: string[] } | RegExp;
}[] = [
  { words: "foo", positional: "foo", want: { keys: ["foo"], command: [] } },
  {
    words: "foo bar --rev 1 -- echo Hello World",
    positional: "foo bar echo Hello World",
    want: { keys: ["foo", "bar"], command: ["echo", "Hello", "World"] },
  },
  {
    words: "echo -- echo hi",
    positional: "echo echo hi",
    want: { keys: ["echo"], command: ["echo", "hi"] },
  },
  {
    words: "foo -- sh -- x",
    positional: "foo sh -- x",
    want: { keys: ["foo"], command: ["sh", "--", "x"] },
  },
  {
    words: "--rev 1 -- echo hi",
    positional: "echo hi",
    environment: { key: "foo", rangeEnd: "bar" },
    want: { keys: ["foo", "bar"], command: ["echo", "hi"] },
  },
  { words: "foo --", positional: "foo", want: /found separator --, but no commands/ },
  { words: "--rev 1", positional: "", want: /^Exit: bad number of arguments$/ },
  {
    words: "foo -- echo 1",
    positional: "foo echo 1",
    environment: { key: "foo", rangeEnd: "" },
    want: /conflicting environment key/,
  },
];
for (const { words, positional, environment = NO_ENVIRONMENT, want } of watches) {
  const split = (text: string) => text.split(" ").filter((word) => word !== "");
  test(`watch ${words}${environment.key === "" ? "" : " with a key in the environment"}`, () => {
    const read = () => watchArguments(split(words), split(positional), environment);
    if (want instanceof RegExp) assert.throws(read, want);
    else assert.deepEqual(read(), want);
  });
}

test("comparisons of all kinds are understood", () => {
  const shown = (line: string) => {
    const { key, target, result, ...value } = parseCompare(line);
    return [Buffer.from(key as Uint8Array).toString(), target, result, Object.values(value)[0]];
  };
  assert.deepEqual(shown('ver("a") = "1"'), ["a", 0, 0, 1n]);
  assert.deepEqual(shown('create("a\\n")   !=  "2"'), ["a\n", 1, 3, 2n]);
  assert.deepEqual(shown('m(`a`) > "-3"'), ["a", 2, 1, -3n]);
  assert.deepEqual(shown('val("a") < "x y"'), ["a", 3, 2, Buffer.from("x y")]);
  assert.deepEqual(shown('lease("a") = "4"'), ["a", 4, 0, 4n]);
});

for (const [line, want] of [
  ["mod", "malformed comparison: mod"],
  ['mod("foo") = x', 'malformed comparison: mod("foo") = x; got mod("foo") = ""'],
  ['zz("a") = "1"', 'malformed comparison: zz("a") = "1" (unknown target zz)'],
  ['mod("a") = "x"', 'invalid txn compare request: mod("a") = "x"'],
  ['mod("a") ~ "1"', 'malformed comparison: mod("a") ~ "1"'],
] as const) {
  test(`refuses ${line}`, () => {
    assert.throws(
      () => parseCompare(line),
      (error: Exit) => error instanceof Exit && error.message === want && error.code === 3,
    );
  });
}
