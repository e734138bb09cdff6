import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, MessageType, newMessage } from "@quorate/raft";
import { ManualClock } from "@quorate/testkit/clock";
import { RequestIds } from "../cluster/request-ids.ts";
import { Consensus } from "./consensus.ts";
import type { ConsensusOptions } from "./surroundings.ts";
import { newNode } from "./testing.ts";

const LOCAL_ID = 1n;
const TIMEOUT_MS = 7_000;

/** One of three members, over a loop that is turned by hand. */
class Follower {
  readonly clock = new ManualClock();
  readonly sent: Message[] = [];
  readonly consensus: Consensus;

  constructor() {
    const node = newNode(LOCAL_ID, [LOCAL_ID, 2n, 3n]);
    const nothing = new Proxy({}, { get: () => () => undefined });
    const events = new Proxy(
      { send: (messages: readonly Message[]) => this.sent.push(...messages) },
      { get: (target, name) => (name === "send" ? target.send : () => undefined) },
    );
    this.consensus = new Consensus({
      ...{ node, localId: LOCAL_ID, appliedIndex: 1, appliedTerm: 1, writer: nothing, events },
      ...{ ids: new RequestIds(LOCAL_ID, 0), requestTimeoutMs: TIMEOUT_MS, electionTimeoutMs: 1_000 },
      ...{ members: () => [LOCAL_ID, 2n, 3n], connectedSince: () => 0 },
      clock: this.clock,
    } as unknown as ConsensusOptions);
  }

  follow(leader: bigint, term: number): void {
    const heartbeat = Object.assign(newMessage(MessageType.MsgHeartbeat, LOCAL_ID), { from: leader, term });
    this.consensus.receive([heartbeat]);
    this.turn();
  }

  read(): { outcome: string } {
    const reader = { outcome: "waiting" };
    this.consensus.read({
      ready: () => {
        reader.outcome = "ready";
      },
      fail: (error) => {
        reader.outcome = error.message;
      },
    });
    this.turn();
    return reader;
  }

  turn(): void {
    this.clock.runTurn();
  }

  /** To whom the reads were sent. */
  get asked(): bigint[] {
    return this.sent.filter(({ type }) => type === MessageType.MsgReadIndex).map(({ to }) => to);
  }
}

test("a read that came during a round is not forgotten when a change of leader ends the round", () => {
  const follower = new Follower();
  follower.follow(2n, 2);
  const first = follower.read();
  const second = follower.read();
  assert.deepEqual(follower.asked, [2n]);
  follower.follow(3n, 3);
  assert.equal(first.outcome, "etcdserver: leader changed");
  assert.equal(second.outcome, "waiting");
  assert.deepEqual(follower.asked, [2n, 3n]);
});

test("a read that came during a round is not forgotten when the round takes too long", () => {
  const follower = new Follower();
  follower.follow(2n, 2);
  const first = follower.read();
  follower.clock.stopFor(TIMEOUT_MS - 1);
  const second = follower.read();
  assert.deepEqual(follower.asked, [2n]);
  follower.clock.stopFor(1);
  follower.consensus.tick();
  follower.turn();
  assert.match(first.outcome, /timed out/);
  assert.equal(second.outcome, "waiting");
  assert.equal(follower.asked.length, 2);
});
