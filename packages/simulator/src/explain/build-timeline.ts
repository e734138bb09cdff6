import { describe, type Operation } from "../clients/journal.ts";
import type { RunResult } from "../run.ts";
import type { RecordedCall } from "../world/recording.ts";
import { describeAction, describeAnswer } from "./describe-operation.ts";
import { limitMessages } from "./limit-messages.ts";
import { buildMessageTable } from "./message-table.ts";
import type { Recorder } from "./recorder.ts";
import { roundMs, roundMsOrNull } from "./round-ms.ts";
import type { ClientCall, ClientLane, LinkSpan, LogLine, Outcome, Timeline, Violation } from "./timeline.ts";
import { violatedRule, violationHead } from "./violated-rule.ts";

export interface TimelineOptions {
  /** The shell command that runs the run again. */
  readonly replay: string;
  /** What the reader should know about how the run came about, a sentence each. */
  readonly notes: readonly string[];
  /** More messages than these are not shown. Default 100,000. */
  readonly maxMessages?: number;
}

const MAX_MESSAGES = 100_000;
const MAX_LINE_LENGTH = 600;

/** The timeline of a run that was recorded. */
export function buildTimeline(result: RunResult, options: TimelineOptions): Timeline {
  const { recorder } = result;
  if (recorder === undefined) throw new Error("the run was not recorded: simulate it with isRecorded");
  return new Builder(result, recorder).build(options);
}

class Builder {
  readonly #result: RunResult;
  readonly #recorder: Recorder;
  readonly #members: readonly string[];
  readonly #clients: readonly ClientLane[];
  readonly #operations: ReadonlyMap<Operation, ClientCall>;
  readonly #calls: readonly ClientCall[];

  constructor(result: RunResult, recorder: Recorder) {
    this.#result = result;
    this.#recorder = recorder;
    this.#members = [...recorder.members.keys()];
    this.#clients = clientLanes(result, recorder);
    this.#operations = new Map(
      result.journal.operations.map((operation) => [operation, this.#operationCall(operation)]),
    );
    const recorded = recorder.calls.map((call) => this.#recordedCall(call));
    this.#calls = [...this.#operations.values(), ...recorded].sort((a, b) => a.startMs - b.startMs);
  }

  build({ replay, notes, maxMessages = MAX_MESSAGES }: TimelineOptions): Timeline {
    const { seed, violations, worldMs } = this.#result;
    const recorder = this.#recorder;
    const members = [...recorder.members.values()];
    const found = this.#violations();
    const shown = limitMessages(recorder.messagesBetweenMembers(), maxMessages, found[0]?.atMs ?? worldMs);
    return {
      title:
        violations.length > 0
          ? `Seed ${seed} fails: ${violationHead(violations[0]!)}`
          : `Seed ${seed} passes`,
      replay,
      notes: [...notes, ...this.#describeRun(), ...shown.notes],
      endMs: roundMs(worldMs),
      members: this.#members,
      clients: this.#clients,
      lives: members.flatMap(({ lives }) =>
        lives.map((life) => ({
          member: this.#member(life.member),
          startMs: roundMs(life.startMs),
          servingMs: roundMsOrNull(life.servingMs),
          endMs: roundMsOrNull(life.endMs),
          endedBy: life.endedBy ?? null,
        })),
      ),
      pauses: members.flatMap(({ pauses }) =>
        pauses.map((pause) => ({
          member: this.#member(pause.member),
          startMs: roundMs(pause.startMs),
          endMs: roundMsOrNull(pause.endMs),
        })),
      ),
      states: this.#byTime(members.flatMap(({ states }) => states)),
      progress: this.#byTime(members.flatMap(({ progress }) => progress)),
      faults: recorder.faults.map(({ number, fault, machine, atMs, durationMs, effects }) => ({
        number,
        kind: fault,
        member: this.#member(machine),
        startMs: roundMs(atMs),
        endMs: roundMs(Math.min(atMs + durationMs, recorder.troubleEndMs, worldMs)),
        effects,
      })),
      links: this.#links(),
      messages: buildMessageTable(shown.messages, recorder.members, worldMs),
      calls: this.#calls,
      deliveries: recorder.deliveries.map(({ client, atMs, text }) => ({
        client: this.#client(client),
        atMs: roundMs(atMs),
        text,
      })),
      lines: recorder.lines.map((line) => this.#line(line)),
      violations: found,
    };
  }

  #violations(): Violation[] {
    return this.#recorder.violations.map(({ text, atMs }) => {
      const about = this.#result.journal.operations.find((operation) => text.includes(describe(operation)));
      const call = about === undefined ? undefined : this.#operations.get(about);
      return {
        text,
        rule: violatedRule(text),
        atMs: call?.startMs ?? roundMs(atMs),
        foundMs: roundMs(atMs),
        call: call === undefined ? null : this.#calls.indexOf(call),
      };
    });
  }

  #describeRun(): string[] {
    const { scenario, faults, operations, acknowledged, revisions, worldMs, digest } = this.#result;
    const { members, clockSkew, member } = scenario;
    return [
      `Members at the start: ${members}. Faults: ${faults.length}. Operations acknowledged: ${acknowledged} of ` +
        `${operations}. Revisions: ${revisions}. World time: ${(worldMs / 1000).toFixed(2)} s.`,
      `Heartbeats every ${member.heartbeatMs} ms, elections after ${member.electionTicks} of them, ` +
        `${member.preVote ? "with" : "without"} PreVote, snapshots after ${member.snapshotCount} entries, ` +
        `clock rates up to ${Number((100 * clockSkew).toFixed(3))} % off.`,
      `Digest ${digest}.`,
    ];
  }

  #operationCall(operation: Operation): ClientCall {
    const { client, member, action, startMs, endMs, outcome, answer } = operation;
    const outcomes = { ok: "ok", maybe: "unknown", never: "failed" } as const;
    return {
      client: this.#client(client),
      member: this.#member(member),
      what: describeAction(action),
      startMs: roundMs(startMs),
      endMs: roundMsOrNull(endMs),
      outcome: outcomes[outcome],
      answer: answer === undefined ? "" : describeAnswer(answer),
    };
  }

  #recordedCall({ client, member, what, startMs, endMs, error }: RecordedCall): ClientCall {
    const outcome: Outcome = endMs === undefined ? "unknown" : error === undefined ? "ok" : "failed";
    return {
      client: this.#client(client),
      member: this.#member(member),
      what,
      startMs: roundMs(startMs),
      endMs: roundMsOrNull(endMs),
      outcome,
      answer: error ?? "",
    };
  }

  #links(): LinkSpan[] {
    const { links } = this.#recorder;
    return links
      .map(({ atMs, text }, i) => ({
        startMs: roundMs(atMs),
        endMs: roundMs(links[i + 1]?.atMs ?? this.#result.worldMs),
        text,
      }))
      .filter(({ text }) => text !== "");
  }

  #line({ atMs, text }: { atMs: number; text: string }): LogLine {
    const member = this.#members.findIndex(
      (name) => text.startsWith(name) && /^[ :]/.test(text.slice(name.length)),
    );
    return {
      atMs: roundMs(atMs),
      member: member === -1 ? null : member,
      text: text.length > MAX_LINE_LENGTH ? `${text.slice(0, MAX_LINE_LENGTH)}…` : text,
    };
  }

  #byTime<Item extends { readonly member: string; readonly atMs: number }>(items: readonly Item[]) {
    return items
      .map((item) => ({ ...item, member: this.#member(item.member), atMs: roundMs(item.atMs) }))
      .sort((a, b) => a.atMs - b.atMs);
  }

  #member(name: string): number {
    return this.#members.indexOf(name);
  }

  #client(name: string): number {
    return this.#clients.findIndex((client) => client.name === name);
  }
}

/** Workers and others first, then watchers. */
function clientLanes({ clients, journal }: RunResult, { calls, watchers }: Recorder): ClientLane[] {
  const names = new Set([
    ...clients,
    ...calls.map(({ client }) => client),
    ...journal.operations.map(({ client }) => client),
  ]);
  const lanes = [...names].map((name) => ({ name, isWatcher: watchers.has(name) }));
  return [...lanes.filter(({ isWatcher }) => !isWatcher), ...lanes.filter(({ isWatcher }) => isWatcher)];
}
