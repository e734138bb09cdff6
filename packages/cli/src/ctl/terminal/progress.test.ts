import assert from "node:assert/strict";
import test from "node:test";
import { Output } from "../../command-line/output.ts";
import { ProgressLine, progressText } from "./progress.ts";

const cases = [
  { done: 0, total: 1_000, seconds: 0, want: "save   0% ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  0 B of 1.0 kB" },
  {
    done: 500,
    total: 1_000,
    seconds: 2,
    want: "save  50% ███████████████░░░░░░░░░░░░░░░  500 B of 1.0 kB  250 B/s  2s left",
  },
  {
    done: 1_000,
    total: 1_000,
    seconds: 2,
    want: "save 100% ██████████████████████████████  1.0 kB of 1.0 kB  500 B/s",
  },
  {
    done: 2_000,
    total: 1_000,
    seconds: 2,
    want: "save 100% ██████████████████████████████  2.0 kB of 1.0 kB  1.0 kB/s",
  },
  { done: 2_000, total: undefined, seconds: 2, want: "save  2.0 kB  1.0 kB/s" },
  { done: 0, total: 0, seconds: 2, want: "save  0 B" },
  {
    unit: "keys",
    done: 10,
    total: 100_000,
    seconds: 1,
    want: "save   0% ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  10 of 100000 keys  10 keys/s  2h46m left",
  },
  {
    unit: "keys",
    done: 10,
    total: 1_000,
    seconds: 1,
    want: "save   1% ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  10 of 1000 keys  10 keys/s  1m39s left",
  },
];
for (const { unit = "bytes", done, total, seconds, want } of cases)
  test(`${done} ${unit} of ${total} after ${seconds} s`, () =>
    assert.equal(progressText({ what: "save", unit }, done, total, seconds), want));

function line() {
  let written = "";
  let nowMs = 0;
  const calls: (() => void)[] = [];
  const output = new Output((_, bytes) => {
    written += bytes.toString().replaceAll("\r\u001b[K", "<").replace(/░|█/g, "");
  });
  const progress = new ProgressLine(
    output,
    { what: "w", unit: "keys" },
    {
      nowMs: () => nowMs,
      later: (_, call) => {
        calls.push(call);
      },
    },
  );
  return {
    progress,
    output,
    written: () => written,
    pass: (ms: number) => {
      nowMs += ms;
      for (const call of calls.splice(0)) call();
    },
  };
}

test("a line replaces the one before, not more often than people see, and the last one always", () => {
  const { progress, written, pass } = line();
  progress.reach(0, 4);
  progress.reach(1, 4);
  pass(1_000);
  progress.reach(2, 4);
  progress.reach(4, 4);
  progress.end();
  progress.end();
  assert.equal(
    written(),
    "<w   0%   0 of 4 keys<w  25%   1 of 4 keys  1 keys/s  3s left<w 100%   4 of 4 keys  4 keys/s<",
  );
});

test("what came too soon is shown a little later, and not when all is over by then", () => {
  const { progress, written, pass } = line();
  progress.reach(2, 2);
  progress.reach(3, undefined);
  progress.reach(4, undefined);
  pass(100);
  progress.reach(5, undefined);
  progress.end();
  pass(100);
  assert.equal(written(), "<w 100%   2 of 2 keys<w  4 keys  40 keys/s<");
});

test("other lines stand above it", () => {
  const { progress, output, written } = line();
  progress.beside(() => output.line("before"));
  progress.reach(0, 4);
  progress.beside(() => output.line("between"));
  progress.end();
  assert.equal(written(), "before\n<w   0%   0 of 4 keys<between\nw   0%   0 of 4 keys<");
});

test("what never began leaves nothing", () => {
  const { progress, written } = line();
  progress.end();
  assert.equal(written(), "");
});
