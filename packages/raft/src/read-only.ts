import type { ReadOnlyOption } from "./config.ts";
import type { JointQuorum } from "./quorum/joint.ts";
import type { AckedIndexes } from "./quorum/majority.ts";
import type { LogIndex, Message, NodeId } from "./types.ts";

/** A read that waits for proof that its leader still led when the read arrived. */
export interface PendingRead {
  readonly request: Message;
  /** The commit index when the request arrived: what the read must see. */
  readonly index: LogIndex;
}

const NO_READS: readonly PendingRead[] = Object.freeze([]);
const CONTEXT_BYTES = 8;

/**
 * The reads of one leadership, in order of arrival. A heartbeat carries the number of reads ever asked for; when a
 * quorum has echoed a number, all reads up to it are confirmed. Counting positions instead of remembering the
 * caller's contexts means that no late response to an older round can confirm a newer read.
 */
export class ReadOnly implements AckedIndexes {
  readonly option: ReadOnlyOption;
  readonly #acks = new Map<NodeId, number>();
  #unconfirmed: PendingRead[] = [];
  #confirmedCount = 0;

  constructor(option: ReadOnlyOption) {
    this.option = option;
  }

  /** A new leadership, or the end of one: the reads of the old one are never answered, their callers ask again. */
  reset(): void {
    this.#acks.clear();
    this.#unconfirmed = [];
    this.#confirmedCount = 0;
  }

  add(request: Message, index: LogIndex): void {
    this.#unconfirmed.push({ request, index });
  }

  /** How many reads were ever asked for in this leadership. */
  #position(): number {
    return this.#confirmedCount + this.#unconfirmed.length;
  }

  /** What heartbeats must carry to confirm all reads asked for so far; undefined when none waits. A new array. */
  heartbeatContext(): Uint8Array | undefined {
    if (this.#unconfirmed.length === 0) return undefined;
    const context = new Uint8Array(CONTEXT_BYTES);
    new DataView(context.buffer).setBigUint64(0, BigInt(this.#position()), true);
    return context;
  }

  ackSelf(id: NodeId): void {
    this.#acks.set(id, this.#position());
  }

  /** Member `from` echoed `context`. What is no position of ours is no acknowledgement. */
  ack(from: NodeId, context: Uint8Array): void {
    if (context.length < CONTEXT_BYTES) return;
    const view = new DataView(context.buffer, context.byteOffset, CONTEXT_BYTES);
    const position = view.getBigUint64(0, true);
    if (position > BigInt(this.#position())) return;
    this.#acks.set(from, Math.max(this.ackedIndex(from), Number(position)));
  }

  ackedIndex(id: NodeId): LogIndex {
    return this.#acks.get(id) ?? 0;
  }

  /** Takes out the reads that a quorum has confirmed by now, in order. */
  advance(voters: JointQuorum): readonly PendingRead[] {
    const confirmed = Math.min(voters.committedIndex(this), this.#position());
    const count = confirmed - this.#confirmedCount;
    if (count <= 0) return NO_READS;
    this.#confirmedCount = confirmed;
    return this.#unconfirmed.splice(0, count);
  }
}
