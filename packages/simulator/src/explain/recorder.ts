import { type Message, messageTypeName } from "@quorate/raft";
import type { ScheduledFault } from "../faults/fault-schedule.ts";
import type { FaultRecorder } from "../faults/trouble-maker.ts";
import { GOOD_LINKS } from "../world/network.ts";
import type { RecordedCall, WorldRecorder } from "../world/recording.ts";
import type { World } from "../world/world.ts";
import { MemberSampler } from "./member-sampler.ts";

export interface RecordedFault extends ScheduledFault {
  /** What changed at once, a phrase each. */
  readonly effects: readonly string[];
}

export interface RecordedMessage {
  readonly type: string;
  readonly from: string;
  /** The address, where no machine was yet. */
  readonly to: string;
  readonly sentMs: number;
  /** Whether the link was not cut when it was sent. */
  readonly wasCarried: boolean;
  readonly term: number;
  readonly index: number;
  readonly logTerm: number;
  readonly commit: number;
  readonly entries: number;
  readonly isReject: boolean;
  receivedMs: number | undefined;
}

/** How the network was from a moment on; empty when it was well. */
export interface RecordedLinks {
  readonly atMs: number;
  readonly text: string;
}

/** Takes down what happens in a world, to be shown. Changes nothing of what happens: it neither draws nor waits. */
export class Recorder implements WorldRecorder, FaultRecorder {
  readonly faults: RecordedFault[] = [];
  readonly messages: RecordedMessage[] = [];
  readonly calls: RecordedCall[] = [];
  readonly watchers = new Set<string>();
  readonly deliveries: { readonly client: string; readonly atMs: number; readonly text: string }[] = [];
  readonly lines: { readonly atMs: number; readonly text: string }[] = [];
  readonly links: RecordedLinks[] = [];
  readonly violations: { readonly atMs: number; readonly text: string }[] = [];
  /** By the machines' names. */
  readonly members = new Map<string, MemberSampler>();
  troubleEndMs = Number.POSITIVE_INFINITY;
  readonly #world: World;
  #cuts: ReadonlySet<string> = new Set();
  #cutCount = 0;
  #quality = GOOD_LINKS;

  constructor(world: World) {
    this.#world = world;
    world.trace.listener = (atMs, text) => this.lines.push({ atMs, text });
  }

  /** Looks at what has changed; called after each event. Returns what changed outwardly, a phrase each. */
  sample(): string[] {
    const { machines, time } = this.#world;
    const changes = this.#sampleNetwork();
    for (const machine of machines) {
      let member = this.members.get(machine.name);
      if (member === undefined) {
        member = new MemberSampler(machine);
        this.members.set(machine.name, member);
      }
      changes.push(...member.sample(time.nowMs));
    }
    return changes;
  }

  faultMade(fault: ScheduledFault): void {
    this.faults.push({ ...fault, effects: this.sample() });
  }

  troubleEnds(): void {
    this.troubleEndMs = this.#world.time.nowMs;
  }

  violation(text: string): void {
    this.violations.push({ atMs: this.#world.time.nowMs, text });
  }

  sent(from: string, to: string, message: Message): RecordedMessage {
    const { time, network } = this.#world;
    const recorded: RecordedMessage = {
      type: messageTypeName(message.type),
      from: this.#nameOf(from),
      to: this.#nameOf(to),
      sentMs: time.nowMs,
      wasCarried: network.carries(from, to),
      term: message.term,
      index: message.snapshot?.metadata.index ?? message.index,
      logTerm: message.logTerm,
      commit: message.commit,
      entries: message.entries.length,
      isReject: message.reject,
      receivedMs: undefined,
    };
    this.messages.push(recorded);
    return recorded;
  }

  /** All but those to members that had been added and were never started. */
  messagesBetweenMembers(): RecordedMessage[] {
    return this.messages
      .map((message) => ({ ...message, to: this.#nameOf(message.to) }))
      .filter(({ to }) => this.members.has(to));
  }

  called(client: string, member: string, what: string): RecordedCall {
    const { nowMs } = this.#world.time;
    const call = { client, member, what, startMs: nowMs, endMs: undefined, error: undefined };
    this.calls.push(call);
    return call;
  }

  ended(call: RecordedCall, error?: Error): void {
    call.endMs ??= this.#world.time.nowMs;
    call.error ??= error?.message;
  }

  watched(client: string, member: string, fromRevision: number): RecordedCall {
    this.watchers.add(client);
    return this.called(client, member, `Watch from revision ${fromRevision}`);
  }

  delivered(client: string, text: string): void {
    this.deliveries.push({ client, atMs: this.#world.time.nowMs, text });
  }

  #sampleNetwork(): string[] {
    const { network, time } = this.#world;
    const { cuts, quality } = network;
    if (cuts === this.#cuts && cuts.size === this.#cutCount && quality === this.#quality) return [];
    this.#cuts = cuts;
    this.#cutCount = cuts.size;
    this.#quality = quality;
    const text = [...this.#describeCuts(), ...this.#describeQuality()].join("; ");
    this.links.push({ atMs: time.nowMs, text });
    return [text === "" ? "all links work" : text];
  }

  #describeCuts(): string[] {
    const names = (cut: string) => cut.split(">").map((address) => this.#nameOf(address));
    const described: string[] = [];
    for (const cut of this.#cuts) {
      const [from, to] = names(cut);
      const isBothWays = this.#cuts.has(cut.split(">").reverse().join(">"));
      if (!isBothWays) described.push(`${from} → ${to}`);
      else if (from! < to!) described.push(`${from} ↔ ${to}`);
    }
    return described.length === 0 ? [] : [`cut: ${described.join(", ")}`];
  }

  #describeQuality(): string[] {
    if (this.#quality === GOOD_LINKS) return [];
    const values = Object.entries(this.#quality).map(
      ([name, value]) => `${name} ${Number(value.toFixed(2))}`,
    );
    return [`bad links: ${values.join(", ")}`];
  }

  #nameOf(address: string): string {
    return this.#world.machine(address)?.name ?? address;
  }
}
