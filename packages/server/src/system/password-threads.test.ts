import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import os from "node:os";
import test from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { PasswordThreads } from "./password-threads.ts";

const WAIT_MS = 60_000;

test("passwords are hashed and compared, several at a time, and a hash that is none is nobody's", async () => {
  const threads = new PasswordThreads(1);
  const hashes = await Promise.all(["a", "b", "a"].map((password) => threads.hash(password, 4)));
  assert.equal(new Set(hashes).size, 3);
  for (const hash of hashes) assert.match(hash, /^\$2b\$04\$.{53}$/);
  assert.equal(await threads.verify("a", hashes[0]!), true);
  assert.equal(await threads.verify("b", hashes[0]!), false);
  const ofWrongForm = [
    "no hash",
    `$1a$04$${"a".repeat(53)}`,
    `$2a$99$${"a".repeat(53)}`,
    `$2a$04$${"!".repeat(53)}`,
  ];
  for (const hash of ofWrongForm) assert.equal(await threads.verify("a", hash), false, hash);
  // Made by Go's bcrypt.
  const ofGo = "$2a$04$kotV0J9G6/bOfwKV3cOHae0VPah2p6fYmnDAZGxcacSMW7wDpqOZC";
  assert.equal(await threads.verify("p\u00e4ss", ofGo), true);
  assert.equal(await threads.verify("pass", ofGo), false);
  assert.equal(await threads.verify("b", hashes[1]!), true);
});

const skip = process.platform === "linux" ? false : "elsewhere threads have no niceness of their own";

test("a thread gives way to all others, and ends when nobody has asked for a while", { skip }, async () => {
  const wanted = Math.min(os.getPriority() + 10, 19);
  await untilNone(wanted);
  const threads = new PasswordThreads(500);
  const hash = await threads.hash("a", 4);
  assert.equal(threadsWith(wanted), 1);
  assert.equal(await threads.verify("a", hash), true);
  assert.equal(threadsWith(wanted), 1);
  await untilNone(wanted);
  assert.equal(await threads.verify("a", hash), true);
});

/** Those of other tests, too, have ended when they were not asked for a while. */
async function untilNone(niceness: number): Promise<void> {
  const giveUpAtMs = performance.now() + WAIT_MS;
  while (threadsWith(niceness) > 0) {
    assert.ok(performance.now() < giveUpAtMs, "a thread is still there");
    await pause(20);
  }
}

/** Of this process, with a niceness. */
function threadsWith(niceness: number): number {
  const tasks = "/proc/self/task";
  return readdirSync(tasks).filter((id) => nicenessOf(`${tasks}/${id}/stat`) === niceness).length;
}

function nicenessOf(file: string): number | undefined {
  try {
    // Behind the name, which may have spaces: the state is the third field, the niceness the nineteenth.
    return Number(readFileSync(file, "utf8").split(") ").at(-1)!.split(" ")[16]);
  } catch {
    return undefined; // it has ended
  }
}
