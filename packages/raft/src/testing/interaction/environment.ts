import type { Config } from "../../config.ts";
import { RaftError } from "../../errors.ts";
import { describeEntries, describeMessage, describeReady } from "../../format/describe.ts";
import { isLocalThread } from "../../message.ts";
import { type Message, MessageType, type NodeId } from "../../types.ts";
import type { EnvNode } from "./env-node.ts";
import { LEVEL_NAMES, Output } from "./output.ts";

/** Who gets, or loses, the messages to it. */
export interface Recipient {
  readonly id: NodeId;
  readonly drop: boolean;
}

/** The nodes of one interaction file and the messages between them. Whatever happens is written to `output`. */
export class Environment {
  readonly output = new Output();
  readonly nodes: EnvNode[] = [];
  /** For nodes to come. */
  readonly nodeDefaults: { -readonly [K in keyof Config]?: Config[K] } = {};
  /** On their way, in the order they were sent. */
  messages: Message[] = [];

  /** Returns undefined, or the text of an error. */
  setLogLevel(name: string): string | undefined {
    const names: readonly string[] = LEVEL_NAMES;
    const level = names.indexOf(name.toUpperCase());
    if (level < 0) return `log levels must be either of [${LEVEL_NAMES.join(" ")}]`;
    this.output.level = level;
    return undefined;
  }

  processReady(node: EnvNode): void {
    const ready = node.rawNode.ready();
    this.output.write(describeReady(ready));
    const isAsync = node.config.asyncStorageWrites === true;
    if (!isAsync) {
      node.save(ready.hardState, ready.entries, ready.snapshot);
      node.apply(ready.committedEntries);
    }
    for (const m of ready.messages) {
      if (!isLocalThread(m.to)) this.messages.push(m);
      else if (m.type === MessageType.MsgStorageAppend) node.appendWork.push(m);
      else node.applyWork.push(m);
    }
    if (!isAsync) node.rawNode.advance();
  }

  processAppendThread(node: EnvNode): void {
    const m = node.appendWork.shift();
    if (m === undefined) {
      this.output.write("no append work to perform");
      return;
    }
    this.#describeWork(m);
    node.save({ term: m.term, vote: m.vote, commit: m.commit }, m.entries, m.snapshot);
    this.#release(m.responses);
  }

  processApplyThread(node: EnvNode): void {
    const m = node.applyWork.shift();
    if (m === undefined) {
      this.output.write("no apply work to perform");
      return;
    }
    this.#describeWork(m);
    node.apply(m.entries);
    this.#release(m.responses);
  }

  #describeWork(m: Message): void {
    this.output.write(`Processing:\n${describeMessage({ ...m, responses: [] })}\n`);
  }

  #release(responses: readonly Message[]): void {
    this.output.write("Responses:\n");
    for (const m of responses) this.output.write(`${describeMessage(m)}\n`);
    this.messages.push(...responses);
  }

  /** Delivers the messages on their way to `recipients`, of one type if it is given; returns how many there were. */
  deliver(type: MessageType | undefined, recipients: readonly Recipient[]): number {
    let count = 0;
    for (const { id, drop } of recipients) {
      const matching = this.#takeMessages(id, type, drop);
      count += matching.length;
      for (const m of matching) {
        this.output.write(`${drop ? "dropped: " : ""}${describeMessage(m)}\n`);
        if (!drop) this.#step(m);
      }
    }
    return count;
  }

  #takeMessages(to: NodeId, type: MessageType | undefined, drop: boolean): Message[] {
    const matches = (m: Message) =>
      m.to === to && (type === undefined || m.type === type) && !(drop && isLocal(m));
    const taken = this.messages.filter(matches);
    this.messages = this.messages.filter((m) => !matches(m));
    return taken;
  }

  #step(m: Message): void {
    try {
      this.nodes[Number(m.to) - 1]!.rawNode.step(m);
    } catch (error) {
      if (!(error instanceof RaftError)) throw error;
      this.output.write(`${error.message}\n`);
    }
  }

  /** Lets `nodes` work and talk until there is nothing left to do. */
  stabilize(nodes: readonly EnvNode[]): void {
    for (let isDone = false; !isDone; ) {
      isDone = true;
      for (const node of nodes) {
        if (!node.rawNode.hasReady()) continue;
        this.output.write(`> ${node.id} handling Ready\n`);
        this.output.indented(() => this.processReady(node));
        isDone = false;
      }
      for (const { id } of nodes) {
        if (!this.messages.some((m) => m.to === id)) continue;
        this.output.write(`> ${id} receiving messages\n`);
        this.output.indented(() => this.deliver(undefined, [{ id, drop: false }]));
        isDone = false;
      }
      for (const node of nodes) {
        if (node.appendWork.length === 0) continue;
        this.output.write(`> ${node.id} processing append thread\n`);
        while (node.appendWork.length > 0) this.output.indented(() => this.processAppendThread(node));
        isDone = false;
      }
      for (const node of nodes) {
        if (node.applyWork.length === 0) continue;
        this.output.write(`> ${node.id} processing apply thread\n`);
        while (node.applyWork.length > 0) this.output.indented(() => this.processApplyThread(node));
        isDone = false;
      }
    }
  }

  writeLog({ storage }: EnvNode): void {
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    this.output.write(
      last < first
        ? `log is empty: first index=${first}, last index=${last}`
        : describeEntries(storage.entries(first, last + 1, Number.POSITIVE_INFINITY)),
    );
  }
}

/** Between a member and itself or its threads nothing gets lost. */
export function isLocal(m: Message): boolean {
  return m.from === m.to || isLocalThread(m.from) || isLocalThread(m.to);
}
