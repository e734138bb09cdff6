import { confChangeOf, MemoryStorage, type Message, NO_LIMIT, type NodeId, RawNode } from "../index.ts";
import { SeededRandom } from "../testing/index.ts";

/** One member of a group that counts together: every member applies the same additions in the same order. */
class CounterMember {
  value = 0;
  readonly node: RawNode;
  readonly #storage = new MemoryStorage(); // a real member has a log on disk, and fsyncs it

  constructor(id: NodeId, group: readonly NodeId[]) {
    this.node = new RawNode({
      id,
      electionTick: 10,
      heartbeatTick: 1,
      storage: this.#storage,
      random: new SeededRandom(Number(id)), // every member needs chance of its own
      maxSizePerMsg: NO_LIMIT,
      maxInflightMsgs: 256,
    });
    this.node.bootstrap(group.map((member) => ({ id: member })));
  }

  /** Asks for `amount` to be added. It is, everywhere, once a majority has it; throws when nobody leads. */
  add(amount: number): void {
    this.node.propose(new TextEncoder().encode(String(amount)));
  }

  /** Does what raft asks for, in the order that keeps promises: save, send, apply, advance. */
  work(send: (m: Message) => void): void {
    while (this.node.hasReady()) {
      const ready = this.node.ready();
      if (ready.hardState !== undefined) this.#storage.setHardState(ready.hardState);
      this.#storage.append(ready.entries);
      for (const m of ready.messages) send(m);
      for (const entry of ready.committedEntries) {
        if (entry.type !== 0) this.node.applyConfChange(confChangeOf(entry));
        else if (entry.data.length > 0) this.value += Number(new TextDecoder().decode(entry.data));
      }
      this.node.advance();
    }
  }
}

/** Three members and a network that is an array. Returns what each of them counted. */
export function countTogether(amounts: readonly number[]): number[] {
  const inFlight: Message[] = [];
  const ids = [1n, 2n, 3n];
  const members = new Map(ids.map((id) => [id, new CounterMember(id, ids)]));
  const pass = (ticks: number) => {
    for (let i = 0; i < ticks; i++) {
      for (const { node } of members.values()) node.tick();
      for (const member of members.values()) member.work((m) => inFlight.push(m));
      for (const m of inFlight.splice(0)) members.get(m.to)!.node.step(m);
    }
  };
  pass(100); // somebody is elected
  for (const amount of amounts) members.get(2n)!.add(amount); // followers forward to whoever leads
  pass(10);
  return [...members.values()].map(({ value }) => value);
}
