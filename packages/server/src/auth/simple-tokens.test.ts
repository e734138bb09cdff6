import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { SimpleTokens } from "./simple-tokens.ts";

function newTokens(appliedIndex = 20, ttlMs = 300_000) {
  const clock = new ManualClock();
  const waitedFor: number[] = [];
  let letter = 0;
  const tokens = new SimpleTokens({
    clock,
    random: { below: (limit) => letter++ % limit },
    ttlMs,
    appliedIndex: () => appliedIndex,
    untilApplied: async (index) => void waitedFor.push(index),
  });
  const assign = (username: string, index: number, prefix = tokens.newPrefix()) => {
    tokens.assigned({ username, prefix, index, authRevision: 5 });
    return `${prefix}.${index}`;
  };
  return { clock, tokens, assign, waitedFor };
}

test("a token is sixteen letters and the index of the entry before its own, and holds for whichever permissions are in force", async () => {
  const { tokens, assign } = newTokens();
  const token = assign("u", 13);
  assert.match(token, /^[a-zA-Z]{16}\.13$/);
  assert.deepEqual(tokens.holderOf(token), { username: "u", authRevision: undefined });
  const issued = { username: "u", prefix: "abcdefghijklmnop", index: 13, authRevision: 5 };
  assert.equal(await tokens.issue(issued), "abcdefghijklmnop.13");
  assert.equal(tokens.holderOf(token.replace(".13", ".013")), undefined);
});

test("a token holds for as long as it is used", () => {
  const { clock, tokens, assign } = newTokens();
  const [used, unused] = [assign("u", 1), assign("v", 2)];
  for (let i = 0; i < 4; i++) {
    clock.advance(200_000);
    assert.equal(tokens.holderOf(used)?.username, "u");
  }
  assert.equal(tokens.holderOf(unused), undefined);
  clock.advance(300_000);
  assert.equal(tokens.holderOf(used), undefined);
});

test("a token of a short life holds for as long as it is used, however little later each time", () => {
  const { clock, tokens, assign } = newTokens(20, 1_000);
  const token = assign("u", 1);
  for (let i = 0; i < 6; i++) {
    clock.advance(700);
    assert.equal(tokens.holderOf(token)?.username, "u");
  }
  clock.advance(1_000);
  assert.equal(tokens.holderOf(token), undefined);
});

test("what is not used is forgotten when another one is made, and nothing else", () => {
  const { clock, tokens, assign } = newTokens();
  const [first, second, third] = [assign("a", 1), assign("b", 2), assign("c", 3)];
  clock.advance(299_999);
  assert.equal(tokens.holderOf(first)?.username, "a");
  clock.advance(1);
  const fourth = assign("d", 4);
  assert.deepEqual(
    [first, second, third, fourth].map((token) => tokens.holderOf(token)?.username),
    ["a", undefined, undefined, "d"],
  );
});

test("the tokens of one user are dropped, or all, whichever was used last", () => {
  const { tokens, assign } = newTokens();
  const [first, second, other] = [assign("u", 1), assign("u", 2), assign("v", 3)];
  assert.equal(tokens.holderOf(second)?.username, "u");
  tokens.dropUser("u");
  assert.deepEqual(
    [first, second, other].map((token) => tokens.holderOf(token)?.username),
    [undefined, undefined, "v"],
  );
  tokens.dropAll();
  assert.equal(tokens.holderOf(other), undefined);
});

test("a token that is assigned again is of whom it was assigned to last, and lives anew", () => {
  const { clock, tokens, assign } = newTokens();
  const token = assign("u", 1, "p");
  assert.equal(tokens.holderOf(token)?.username, "u");
  assign("v", 1, "p");
  assert.equal(tokens.holderOf(token)?.username, "v");
  clock.advance(300_000);
  assert.equal(tokens.holderOf(token), undefined);
  assign("u", 1, "p");
  assert.equal(tokens.holderOf(token)?.username, "u");
});

const forms = [
  { token: "x.19", isExamined: true },
  { token: "x.20", isExamined: false },
  { token: "x.21", isExamined: false },
  { token: "bad.99999999999", isExamined: false },
  { token: "bad.18446744073709551615", isExamined: false },
  { token: "bad.18446744073709551616", isExamined: true },
  { token: "x.-1", isExamined: true },
  { token: "x.+1", isExamined: true },
  { token: "x.99.99", isExamined: true },
  { token: "x", isExamined: true },
  { token: "x.", isExamined: true },
  { token: "", isExamined: true },
];
for (const { token, isExamined } of forms) {
  test(`${isExamined ? "nothing is waited for before" : "an entry is waited for that"} token "${token}" is judged`, async () => {
    const { tokens, waitedFor } = newTokens();
    assert.equal(tokens.isExamined(token), isExamined);
    if (!isExamined) {
      await tokens.examine(token, new AbortController().signal);
      const index = Number(token.split(".")[1]);
      assert.deepEqual(waitedFor, [index, index + 1]);
    }
    assert.equal(tokens.holderOf(token), undefined);
  });
}
