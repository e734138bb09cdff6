import assert from "node:assert/strict";
import test from "node:test";
import { ExitCode } from "../../command-line/exit.ts";
import { splitWords } from "./words.ts";

for (const [line, want] of [
  ["put 'my key' 'my value'", ["put", "my key", "my value"]],
  ['"hello\\"world" x', ['hello"world', "x"]],
  ["a  'v' '' \"\"", ["a", "v", "", ""]],
  ["it's one", ["it's", "one"]],
  ["", []],
] as const) {
  test(`${line} is split`, () => assert.deepEqual(splitWords(line), want));
}

test("an escape that Go does not have is refused", () =>
  assert.throws(() => splitWords('put "\\q" v'), { name: "Exit", code: ExitCode.INVALID_INPUT }));
