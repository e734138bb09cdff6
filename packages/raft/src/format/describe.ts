import { confChangeV2Of } from "../confchange/codec.ts";
import { confChangeTypeName, transitionName } from "../confchange/conf-change.ts";
import { RaftError } from "../errors.ts";
import type { Ready } from "../ready.ts";
import {
  type ConfChangeSingle,
  ConfChangeType,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  EntryType,
  type HardState,
  isEmptyHardState,
  isEmptySnapshot,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  NONE,
  type NodeId,
  type Snapshot,
  type SoftState,
} from "../types.ts";
import { entryTypeName, messageTypeName, stateName } from "./names.ts";
import { quote } from "./quote.ts";

/** How etcd prints its protocol, for logs and for comparison with it byte for byte. */

/** Turns the data of a normal entry into text. */
export type EntryFormatter = (data: Uint8Array) => string;

/** A member or a storage thread, as it stands in messages. */
function describeTarget(id: NodeId): string {
  if (id === NONE) return "None";
  if (id === LOCAL_APPEND_THREAD) return "AppendThread";
  if (id === LOCAL_APPLY_THREAD) return "ApplyThread";
  return id.toString(16);
}

const OPERATION_LETTERS: Readonly<Record<ConfChangeType, string>> = {
  [ConfChangeType.ConfChangeAddNode]: "v",
  [ConfChangeType.ConfChangeAddLearnerNode]: "l",
  [ConfChangeType.ConfChangeRemoveNode]: "r",
  [ConfChangeType.ConfChangeUpdateNode]: "u",
};

/** `v1 l2 r3 u4`: make 1 a voter, 2 a learner, remove 3, update 4. Ids are decimal. */
function confChangesToString(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${OPERATION_LETTERS[type] ?? "unknown"}${nodeId}`).join(" ");
}

const LETTER_TYPES: ReadonlyMap<string, ConfChangeType> = new Map([
  ["v", ConfChangeType.ConfChangeAddNode],
  ["l", ConfChangeType.ConfChangeAddLearnerNode],
  ["r", ConfChangeType.ConfChangeRemoveNode],
  ["u", ConfChangeType.ConfChangeUpdateNode],
]);

/** The reverse of `confChangesToString`. Throws MALFORMED. */
export function confChangesFromString(text: string): ConfChangeSingle[] {
  const trimmed = text.trim();
  if (trimmed === "") return [];
  return trimmed.split(" ").map((token) => {
    if (token.length < 2) throw new RaftError("MALFORMED", `unknown token ${token}`);
    const type = LETTER_TYPES.get(token[0]!);
    if (type === undefined) throw new RaftError("MALFORMED", `unknown input: ${token}`);
    const id = token.slice(1);
    if (!/^\d+$/.test(id)) {
      throw new RaftError("MALFORMED", `strconv.ParseUint: parsing ${quoteText(id)}: invalid syntax`);
    }
    return { type, nodeId: BigInt(id) };
  });
}

function quoteText(text: string): string {
  return quote(new TextEncoder().encode(text));
}

/** `transition:ConfChangeTransitionAuto changes:{type:ConfChangeAddNode node_id:2}`. */
export function describeConfChange(change: ConfChangeV2): string {
  let text = `transition:${transitionName(change.transition)}`;
  for (const { type, nodeId } of change.changes) {
    text += ` changes:{type:${confChangeTypeName(type)} node_id:${nodeId}}`;
  }
  const context = change.context;
  return context !== undefined && context.length > 0 ? `${text} context:${quote(context)}` : text;
}

/** `term/index type text`. */
export function describeEntry(entry: Entry, formatter: EntryFormatter = quote): string {
  const head = `${entry.term}/${entry.index} ${entryTypeName(entry.type)}`;
  const text = describeEntryData(entry, formatter);
  return text === "" ? head : `${head} ${text}`;
}

function describeEntryData(entry: Entry, formatter: EntryFormatter): string {
  if (entry.type === EntryType.EntryNormal) return formatter(entry.data);
  try {
    const change = confChangeV2Of(entry);
    return change === undefined ? "" : confChangesToString(change.changes);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** One entry a line. */
export function describeEntries(entries: readonly Entry[], formatter: EntryFormatter = quote): string {
  return entries.map((entry) => `${describeEntry(entry, formatter)}\n`).join("");
}

export function describeMessage(message: Message, formatter: EntryFormatter = quote, indent = ""): string {
  const m = message;
  let text = `${indent}${describeTarget(m.from)}->${describeTarget(m.to)} ${messageTypeName(m.type)}`;
  text += ` Term:${m.term} Log:${m.logTerm}/${m.index}`;
  if (m.reject) text += ` Rejected (Hint: ${m.rejectHint})`;
  if (m.commit !== 0) text += ` Commit:${m.commit}`;
  if (m.vote !== NONE) text += ` Vote:${m.vote}`;
  if (m.entries.length === 1) {
    text += ` Entries:[${describeEntry(m.entries[0]!, formatter)}]`;
  } else if (m.entries.length > 1) {
    text += " Entries:[";
    for (const entry of m.entries) text += `\n${indent}  ${describeEntry(entry, formatter)}`;
    text += `\n${indent}]`;
  }
  if (m.snapshot !== undefined && !isEmptySnapshot(m.snapshot)) {
    text += `\n${indent}  Snapshot: ${describeSnapshot(m.snapshot)}`;
  }
  if (m.responses.length > 0) {
    text += " Responses:[";
    for (const response of m.responses) text += `\n${describeMessage(response, formatter, `${indent}  `)}`;
    text += `\n${indent}]`;
  }
  return text;
}

export function describeConfState(state: ConfState): string {
  const ids = (list: readonly NodeId[]) => `[${list.join(" ")}]`;
  return (
    `Voters:${ids(state.voters)} VotersOutgoing:${ids(state.votersOutgoing)} ` +
    `Learners:${ids(state.learners)} LearnersNext:${ids(state.learnersNext)} AutoLeave:${state.autoLeave}`
  );
}

/** The same in protobuf's text format, where a log line has it so. */
export function protoTextOf(state: ConfState): string {
  const ids = (name: string, list: readonly NodeId[]) => list.map((id) => `${name}:${id} `).join("");
  return (
    ids("voters", state.voters) +
    ids("learners", state.learners) +
    ids("voters_outgoing", state.votersOutgoing) +
    ids("learners_next", state.learnersNext) +
    `auto_leave:${state.autoLeave}`
  );
}

function describeSnapshot({ metadata }: Snapshot): string {
  const { index, term, confState } = metadata;
  return `Index:${index} Term:${term} ConfState:${describeConfState(confState)}`;
}

function describeHardState(state: HardState): string {
  const vote = state.vote === NONE ? "" : ` Vote:${state.vote}`;
  return `Term:${state.term}${vote} Commit:${state.commit}`;
}

function describeSoftState(state: SoftState): string {
  return `Lead:${state.lead} State:${stateName(state.raftState)}`;
}

export function describeReady(ready: Ready, formatter: EntryFormatter = quote): string {
  let text = "";
  if (ready.softState !== undefined) text += `${describeSoftState(ready.softState)}\n`;
  if (ready.hardState !== undefined && !isEmptyHardState(ready.hardState)) {
    text += `HardState ${describeHardState(ready.hardState)}\n`;
  }
  if (ready.readStates.length > 0) {
    const states = ready.readStates.map(
      ({ index, requestContext }) => `{${index} [${requestContext.join(" ")}]}`,
    );
    text += `ReadStates [${states.join(" ")}]\n`;
  }
  if (ready.entries.length > 0) text += `Entries:\n${describeEntries(ready.entries, formatter)}`;
  if (ready.snapshot !== undefined && !isEmptySnapshot(ready.snapshot)) {
    text += `Snapshot ${describeSnapshot(ready.snapshot)}\n`;
  }
  if (ready.committedEntries.length > 0) {
    text += `CommittedEntries:\n${describeEntries(ready.committedEntries, formatter)}`;
  }
  if (ready.messages.length > 0) {
    text += "Messages:\n";
    for (const message of ready.messages) text += `${describeMessage(message, formatter)}\n`;
  }
  return text === "" ? "<empty Ready>" : `Ready MustSync=${ready.mustSync}:\n${text}`;
}
