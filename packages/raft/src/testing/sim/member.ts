import type { Config } from "../../config.ts";
import { isLocalThread } from "../../message.ts";
import { RawNode } from "../../raw-node.ts";
import type { Ready } from "../../ready.ts";
import { withoutVoteRequests } from "../../storage-threads.ts";
import { type Message, MessageType, type NodeId, StateType } from "../../types.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { SimApplication } from "./application.ts";
import { SimDisk } from "./disk.ts";
import type { InvariantChecker } from "./invariants.ts";

export type MemberOptions = Omit<Config, "id" | "storage" | "applied">;

/** Thrown through a member's work to stop it right there. */
class Crash extends Error {}

/** One member with its disk and its application, through any number of lives. */
export class SimMember {
  readonly id: NodeId;
  readonly disk = new SimDisk();
  application = new SimApplication();
  node: RawNode;
  readonly #options: MemberOptions;
  readonly #random: SeededRandom;
  readonly #send: (m: Message) => void;
  readonly #checker: InvariantChecker;
  #appendQueue: Message[] = [];
  #applyQueue: Message[] = [];
  /** Chance that the machine stops at any one of the points where it matters. */
  crashProbability = 0;
  /** With storage threads: the disk takes what it is given and finishes nothing, until the machine stops or this ends. */
  diskIsStalled = false;
  /** How often it was started again. */
  life = 0;

  constructor(
    id: NodeId,
    options: MemberOptions,
    random: SeededRandom,
    checker: InvariantChecker,
    send: (m: Message) => void,
  ) {
    this.id = id;
    this.#options = options;
    this.#random = random;
    this.#checker = checker;
    this.#send = send;
    this.node = this.#start();
  }

  #start(): RawNode {
    return new RawNode({
      ...this.#options,
      id: this.id,
      storage: this.disk.live,
      applied: this.application.index,
    });
  }

  /** The machine stops and starts again: memory, queues and unsynced writes are gone. */
  restart(): void {
    this.life++;
    this.diskIsStalled = false;
    this.disk.crash(this.#random);
    this.#appendQueue = [];
    this.#applyQueue = [];
    this.application = new SimApplication();
    this.application.restore(this.disk.live.snapshot());
    this.node = this.#start();
    this.#checker.forgetMemory(this);
  }

  hasWork(): boolean {
    return this.node.hasReady() || this.#canAppend || this.#applyQueue.length > 0;
  }

  get #canAppend(): boolean {
    return this.#appendQueue.length > 0 && !this.diskIsStalled;
  }

  /** Does one thing there is to do. */
  work(): void {
    try {
      this.#work();
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
      this.restart();
    }
  }

  #work(): void {
    const isAsync = this.#options.asyncStorageWrites === true;
    const choice = this.#random.below(3);
    if (isAsync && choice === 0 && this.#canAppend) this.#runAppend();
    else if (isAsync && choice === 1 && this.#applyQueue.length > 0) this.#runApply();
    else if (this.node.hasReady()) isAsync ? this.#readyAsync() : this.#readySync();
    else if (this.#canAppend) this.#runAppend();
    else if (this.#applyQueue.length > 0) this.#runApply();
  }

  #mayCrash(): void {
    if (this.#random.chance(this.crashProbability)) throw new Crash();
  }

  #readySync(): void {
    const ready = this.node.ready();
    this.#checker.onReadStates(this, ready.readStates);
    // A leader's messages need not wait for its own disk; everybody else's do.
    const sendsFirst = this.node.raft.state === StateType.StateLeader && this.#random.chance(0.5);
    if (sendsFirst) this.#sendAll(ready.messages);
    this.#mayCrash();
    this.#save(ready);
    this.#mayCrash();
    if (!sendsFirst) this.#sendAll(ready.messages);
    if (ready.snapshot !== undefined) this.application.restore(ready.snapshot);
    this.application.apply(ready.committedEntries, this.node);
    this.#mayCrash();
    this.node.advance();
  }

  #save({ hardState, entries, snapshot, mustSync }: Ready): void {
    this.disk.write(hardState, entries, snapshot);
    this.#mayCrash();
    // A snapshot replaces what is on disk, so nothing may be built on it before it is safe.
    if (mustSync || snapshot !== undefined) this.disk.sync();
  }

  #readyAsync(): void {
    const ready = this.node.ready();
    this.#checker.onReadStates(this, ready.readStates);
    for (const m of withoutVoteRequests(ready.messages)) {
      if (m.type === MessageType.MsgStorageAppend) {
        // Raft is in the snapshot's configuration already: no change of an older one may reach it any more.
        if (m.snapshot !== undefined)
          for (const overtaken of this.#applyQueue.splice(0)) this.#respond(overtaken);
        this.#appendQueue.push(m);
      } else if (m.type === MessageType.MsgStorageApply) this.#applyQueue.push(m);
      else this.#sendAll([m]);
    }
    this.#mayCrash();
  }

  #runAppend(): void {
    const m = this.#appendQueue.shift()!;
    this.disk.write({ term: m.term, vote: m.vote, commit: m.commit }, m.entries, m.snapshot);
    this.#mayCrash();
    this.disk.sync();
    if (m.snapshot !== undefined) this.application.restore(m.snapshot);
    this.#mayCrash();
    this.#respond(m);
  }

  #runApply(): void {
    const m = this.#applyQueue.shift()!;
    this.application.apply(m.entries, this.node);
    this.#mayCrash();
    this.#respond(m);
  }

  #respond({ responses }: Message): void {
    for (const response of responses) {
      if (response.to === this.id) this.node.step(response);
      else this.#sendAll([response]);
    }
  }

  #sendAll(messages: readonly Message[]): void {
    for (const m of messages) {
      if (isLocalThread(m.to)) throw new Error("storage work without storage threads");
      this.#checker.onSend(m);
      this.#send(m);
    }
  }

  /** Makes a snapshot of the present state and forgets a part of the log before it. */
  snapshot(): void {
    const { live } = this.disk;
    const { index } = this.application;
    if (index <= live.snapshot().metadata.index) return;
    // With storage threads an entry may be applied before the disk knows that it is committed. A log that starts after
    // what it calls committed could not be opened again.
    if (index > live.initialState().hardState.commit) return;
    const keep = this.#random.below(5);
    this.disk.keepSnapshot(this.application.toSnapshot(), index - keep);
  }
}
