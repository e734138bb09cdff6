import assert from "node:assert/strict";
import test from "node:test";
import { EntryType } from "@quorate/raft";
import type { UserCall } from "../../clients/session.ts";
import type { History } from "../history.ts";
import { checkUsers, UNSEEN_ENTRY } from "./check-users.ts";

const NO_TOKEN = "etcdserver: invalid auth token";

/** Of five entries that change nothing, of which nobody was seen to have `unseen`. */
function historyWithout(unseen: number | undefined): History {
  const entry = (index: number) =>
    index === unseen ? undefined : { type: EntryType.EntryNormal, data: new Uint8Array(0) };
  return { lastIndex: 5, entry, stateAfter: () => undefined } as unknown as History;
}

/** Nobody who sends no token is told that it is none. */
const wronglyRefused = (endIndex: number): UserCall => ({
  user: "u",
  token: undefined,
  method: "KV/Put",
  request: new Uint8Array(0),
  member: "m1",
  password: undefined,
  floorIndex: 1,
  memberIndex: 1,
  endIndex,
  error: NO_TOKEN,
  given: undefined,
  usedMs: undefined,
});

const judge = (unseen: number | undefined) => {
  const counted: string[] = [];
  const calls = [3, 4, 5].map(wronglyRefused);
  const wrong = checkUsers(historyWithout(unseen), calls, [], undefined, (what) => counted.push(what));
  return { wrong: wrong.length, unseen: counted.filter((what) => what === UNSEEN_ENTRY).length };
};

test("what came before an entry that nobody was seen to have is judged, and nothing behind it", () => {
  assert.deepEqual(judge(undefined), { wrong: 3, unseen: 0 });
  assert.deepEqual(judge(4), { wrong: 1, unseen: 1 });
  assert.deepEqual(judge(1), { wrong: 0, unseen: 1 });
});
