/**
 * Peers who keep a member behind TLS busy: others are served meanwhile, no turn of the event loop is long, memory is bounded
 * by what each of them may cost, and nothing is left when they have gone. Arguments: `-- --full` with ten times as many,
 * `--only TEXT` for those whose name has it, `--seconds N` for how long each goes on.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { parseArgs } from "node:util";
import type { MemberWatch } from "../fuzz/member-watch.ts";
import { AttackedMember } from "./member.ts";
import { ATTACKS, type Attack } from "./peers.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: {
    full: { type: "boolean", default: false },
    only: { type: "string", default: "" },
    seconds: { type: "string", default: "2" },
  },
});

/** Of the thread's CPU time. An election takes ten heartbeats of 100 ms. */
const LONGEST_TURN_MS = 100;
/** Whoever connects and puts meanwhile has given up by then: a handshake is ended after that long. */
const SLOWEST_PUT_MS = 10_000;
/** Tables, caches and code that have grown to their size, and what the allocator keeps. */
const SPARE_BYTES = 96 * 2 ** 20;
const SPARE_HEAP_BYTES = 24 * 2 ** 20;
const DIALLED_AT_ONCE = 50;
/** A handshake that does not end is ended after ten. */
const LEFT_WITHIN_MS = 60_000;

const factor = values.full ? 10 : 1;

const member = await AttackedMember.start();
test.after(() => member[Symbol.asyncDispose]());
for (let i = 0; i < 20; i++) await member.putTwice();

async function attack({ name, count, costBytes, begin }: Attack): Promise<string> {
  const before = await member.look("collect");
  const residentBefore = member.residentBytes;
  const peers: { destroy(): void }[] = [];
  let slowestPutMs = 0;
  let puts = 0;
  let isOver = false;
  const behaving = (async () => {
    while (!isOver) {
      slowestPutMs = Math.max(slowestPutMs, await member.putTwice());
      puts++;
    }
  })();
  behaving.catch(() => {});
  const total = count * factor;
  while (peers.length < total) {
    const next = Math.min(DIALLED_AT_ONCE, total - peers.length);
    peers.push(...(await Promise.all(Array.from({ length: next }, () => begin(member.port)))));
  }
  const putsBefore = puts;
  const endAtMs = performance.now() + Number(values.seconds) * 1_000;
  while (performance.now() < endAtMs || puts <= putsBefore) {
    await Promise.race([behaving, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  const grownBytes = member.residentBytes - residentBefore;
  const { longestTurnMs } = await member.look();
  isOver = true;
  await behaving;
  for (const peer of peers) peer.destroy();
  const left = await untilLeft(before);
  assert.ok(longestTurnMs <= LONGEST_TURN_MS, `${name}: a turn of ${longestTurnMs.toFixed(1)} ms`);
  assert.ok(slowestPutMs <= SLOWEST_PUT_MS, `${name}: a put of ${slowestPutMs.toFixed(0)} ms`);
  const most = SPARE_BYTES + total * costBytes;
  assert.ok(grownBytes <= most, `${name}: ${grownBytes} octets more, of ${most}`);
  assert.ok(left <= SPARE_HEAP_BYTES, `${name}: ${left} octets are left`);
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  return (
    `${total} of ${name}: longest turn ${longestTurnMs.toFixed(1)} ms, ${puts} pairs of puts, the slowest put ` +
    `${slowestPutMs.toFixed(0)} ms, ${mib(grownBytes)} MiB more, ${mib(left)} MiB left`
  );
}

/**
 * What the member holds more than before, in octets, when no connection of theirs is left: of those whose handshake waits for its
 * turn, the runtime does not tell.
 */
async function untilLeft(before: MemberWatch): Promise<number> {
  const sockets = ({ resources }: MemberWatch) => resources.TCPSocketWrap ?? 0;
  const bytes = ({ heapBytes, externalBytes }: MemberWatch) => heapBytes + externalBytes;
  const giveUpAtMs = performance.now() + LEFT_WITHIN_MS;
  for (;;) {
    const now = await member.look("collect");
    const left = bytes(now) - bytes(before);
    const isOver = performance.now() >= giveUpAtMs;
    if (sockets(now) <= sockets(before) + 1 && (left <= SPARE_HEAP_BYTES || isOver)) return left;
    assert.ok(!isOver, `connections are left: ${JSON.stringify(now.resources)}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

for (const each of ATTACKS.filter(({ name }) => name.includes(values.only))) {
  test(`others are served beside ${each.count * factor} of: ${each.name}`, async (t) => {
    t.diagnostic(await attack(each));
  });
}

test("the member ends as it should", () => member.stop());
