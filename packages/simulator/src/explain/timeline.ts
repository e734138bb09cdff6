/**
 * A run as a page shows it. Times are the world's, in milliseconds. Members and clients are named by their place in
 * `members` and `clients`; null is what never came about.
 */
export interface Timeline {
  /** What was run, and whether it failed. */
  readonly title: string;
  /** The shell command that runs it again. */
  readonly replay: string;
  /** What the run was like and what the page leaves out, a sentence each. */
  readonly notes: readonly string[];
  readonly endMs: number;
  readonly members: readonly string[];
  readonly clients: readonly ClientLane[];
  readonly lives: readonly MemberLife[];
  readonly pauses: readonly MemberPause[];
  /** Ascending by time. */
  readonly states: readonly MemberState[];
  /** Ascending by time. */
  readonly progress: readonly MemberProgress[];
  readonly faults: readonly FaultSpan[];
  readonly links: readonly LinkSpan[];
  readonly messages: MessageTable;
  /** Ascending by start. */
  readonly calls: readonly ClientCall[];
  readonly deliveries: readonly Delivery[];
  /** Ascending by time. */
  readonly lines: readonly LogLine[];
  readonly violations: readonly Violation[];
}

export interface ClientLane {
  readonly name: string;
  readonly isWatcher: boolean;
}

/** One process of a member, from its start to its end. */
export interface MemberLife {
  readonly member: number;
  readonly startMs: number;
  /** When clients could call it. */
  readonly servingMs: number | null;
  readonly endMs: number | null;
  /** Kill, power loss, and so on. */
  readonly endedBy: string | null;
}

export interface MemberPause {
  readonly member: number;
  readonly startMs: number;
  readonly endMs: number | null;
}

export type Role = "starting" | "follower" | "pre-candidate" | "candidate" | "leader" | "learner" | "down";

/** What a member became. */
export interface MemberState {
  readonly member: number;
  readonly atMs: number;
  readonly role: Role;
  readonly term: number;
}

/** How far a member's log had come. */
export interface MemberProgress {
  readonly member: number;
  readonly atMs: number;
  readonly lastIndex: number;
  readonly committed: number;
  readonly applied: number;
}

export interface FaultSpan {
  readonly number: number;
  readonly kind: string;
  readonly member: number;
  readonly startMs: number;
  /** When it is made good again, or the trouble ends. */
  readonly endMs: number;
  /** What it did at once, a phrase each. */
  readonly effects: readonly string[];
}

/** How the network was for a time, where that was not well. */
export interface LinkSpan {
  readonly startMs: number;
  readonly endMs: number;
  readonly text: string;
}

/** A row is a message; each array is a column. Ascending by `sentMs`. */
export interface MessageTable {
  /** Names of the types that `type` counts. */
  readonly types: readonly string[];
  readonly type: readonly number[];
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly sentMs: readonly number[];
  readonly receivedMs: readonly (number | null)[];
  /** Of those that were not received: the place of the cause in `causes`. -1: received. */
  readonly lostBy: readonly number[];
  readonly causes: readonly string[];
  readonly term: readonly number[];
  readonly index: readonly number[];
  readonly logTerm: readonly number[];
  readonly commit: readonly number[];
  readonly entries: readonly number[];
  readonly isReject: readonly (0 | 1)[];
}

export type Outcome = "ok" | "unknown" | "failed";

/** What a client asked of a member. A watch stream is one, too. */
export interface ClientCall {
  readonly client: number;
  readonly member: number;
  readonly what: string;
  readonly startMs: number;
  readonly endMs: number | null;
  /** unknown: the client was not told, and it may have happened. failed: it has not happened. */
  readonly outcome: Outcome;
  /** What the client was told. */
  readonly answer: string;
}

/** What a watcher got in one response. */
export interface Delivery {
  readonly client: number;
  readonly atMs: number;
  readonly text: string;
}

export interface LogLine {
  readonly atMs: number;
  /** null: of the run. */
  readonly member: number | null;
  readonly text: string;
}

export interface Violation {
  readonly text: string;
  readonly rule: string;
  /** When what is wrong happened: that is the start of the call that it is about, or else when it was found. */
  readonly atMs: number;
  readonly foundMs: number;
  /** The place of that call in `calls`. */
  readonly call: number | null;
}
