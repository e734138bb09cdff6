import assert from "node:assert/strict";
import test from "node:test";
import { RevokeQueue } from "./revoke-queue.ts";

/** Lets everything that is only promises run. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

class Leadership {
  leader = true;
  asked = 0;
  /** Revokes that have begun and not ended. */
  readonly open: { id: bigint; end: (error?: Error) => void }[] = [];
  readonly log: string[] = [];

  async confirmLeadership(): Promise<boolean> {
    this.asked += 1;
    if (!this.leader) throw new Error("timed out");
    return true;
  }

  revoke(id: bigint): Promise<void> {
    return new Promise((resolve, reject) => {
      this.open.push({ id, end: (error) => (error === undefined ? resolve() : reject(error)) });
    });
  }

  onFailure(id: bigint): void {
    this.log.push(`${id} failed`);
  }

  onExpired(id: bigint): void {
    this.log.push(`${id} expired`);
  }
}

const batch = (from: number, count: number) => Array.from({ length: count }, (_, i) => BigInt(from + i));

test("sixteen revokes are under way at a time, and a failed one stops none of the others", async () => {
  const leadership = new Leadership();
  const queue = new RevokeQueue(leadership);
  assert.equal(queue.offer(batch(0, 20)), true);
  await settle();
  assert.equal(leadership.open.length, 16);
  leadership.open.shift()!.end(new Error("too many requests"));
  leadership.open.shift()!.end();
  await settle();
  assert.equal(leadership.open.length, 16);
  assert.deepEqual(leadership.log, ["0 failed", "1 expired"]);
  while (leadership.open.length > 0) {
    leadership.open.shift()!.end();
    await settle();
  }
  assert.equal(leadership.log.length, 20);
  assert.equal(leadership.asked, 1);
});

test("a batch of a member that cannot prove its leadership is dropped", async () => {
  const leadership = new Leadership();
  const queue = new RevokeQueue(leadership);
  leadership.leader = false;
  queue.offer(batch(0, 3));
  await settle();
  assert.deepEqual(leadership.open, []);
  leadership.leader = true;
  queue.offer(batch(3, 1));
  await settle();
  assert.deepEqual(
    leadership.open.map(({ id }) => id),
    [3n],
  );
});

test("sixteen batches wait, more are refused", async () => {
  const leadership = new Leadership();
  const queue = new RevokeQueue(leadership);
  assert.equal(queue.offer(batch(0, 1)), true);
  await settle();
  for (let i = 0; i < 16; i++) assert.equal(queue.offer(batch(i + 1, 1)), true);
  assert.equal(queue.offer(batch(99, 1)), false);
  while (leadership.open.length > 0) {
    leadership.open.shift()!.end();
    await settle();
  }
  assert.equal(leadership.log.length, 17);
});
