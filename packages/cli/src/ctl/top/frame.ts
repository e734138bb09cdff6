import { humanBytes } from "../../go-text/human-bytes.ts";
import { hexId } from "../../go-text/ids.ts";
import { shown } from "../terminal/style.ts";
import type { HotPrefix } from "./hot-prefixes.ts";
import type { MemberState } from "./members.ts";

/** What is known at one moment. */
export interface Sample {
  readonly members: readonly MemberState[];
  readonly prefixes: readonly HotPrefix[];
  /** Why no changes are counted; empty when they are. */
  readonly watchError: string;
  /** On a clock that does not go back. */
  readonly atMs: number;
}

export interface Line {
  readonly text: string;
  readonly kind: "plain" | "head" | "bad";
}

/** What differs between people and programs: how numbers are written, and how cells are set apart. */
export interface Layout {
  readonly forPeople: boolean;
  /** Prefixes at most. */
  readonly mostPrefixes: number;
}

/** What members do, at what rate since the sample before, and where changes happen. */
export function frameLines(before: Sample, now: Sample, layout: Layout): Line[] {
  const seconds = Math.max(now.atMs - before.atMs, 1) / 1_000;
  const bytes = (size: bigint) => (layout.forPeople ? humanBytes(size) : String(size));
  const rate = (count: number) => (count / seconds).toFixed(1);
  const { members, prefixes, watchError } = now;
  const answering = members.flatMap(({ status }) => (status === undefined ? [] : [status]));
  const [first] = answering;
  const leader = members.find(({ status }) => isLeader(status));
  const advanced = (of: (sample: Sample) => bigint) => {
    const was = of(before);
    // Without a number before there is no rate yet.
    return was === 0n ? "-" : rate(Math.max(0, Number(of(now) - was)));
  };
  const changes = prefixes.reduce((sum, prefix) => sum + prefix.changes, 0);
  const facts: [string, string][] = [
    ["cluster", first === undefined ? "-" : hexId(first.header?.clusterId ?? 0n)],
    ["leader", leader?.name ?? "none"],
    ["term", String(greatest(answering.map(({ raftTerm }) => raftTerm)))],
    ["revision", String(lastRevision(now))],
    ["transactions/s", advanced(lastRevision)],
    ["entries/s", advanced(lastIndex)],
    ["changes/s", watchError === "" ? rate(changes) : "-"],
  ];
  const lines: Line[] = layout.forPeople
    ? [plain(facts.map(([name, value]) => `${name} ${value}`).join("   "))]
    : facts.map(([name, value]) => plain(`${name}\t${value}`));
  lines.push(plain(""));
  lines.push(
    ...table(
      MEMBER_HEAD,
      members.map((member) => memberRow(member, lastIndex(now), bytes)),
      layout,
    ),
  );
  lines.push(plain(""));
  if (watchError !== "") lines.push({ text: `changes cannot be watched: ${watchError}`, kind: "bad" });
  else {
    const rows = prefixes
      .slice(0, layout.mostPrefixes)
      .map((prefix) => [
        shown(Buffer.from(prefix.name, "latin1")),
        rate(prefix.changes),
        bytes(BigInt(Math.round(prefix.bytes / seconds))),
        String(prefix.total),
      ]);
    lines.push(
      ...table(
        ["PREFIX", "CHANGES/S", "BYTES/S", "CHANGES"],
        rows.map((cells) => ({ cells })),
        layout,
      ),
    );
  }
  return lines;
}

const MEMBER_HEAD = ["MEMBER", "ID", "ROLE", "VERSION", "SIZE", "IN USE", "INDEX", "APPLIED", "LAG", "TOOK"];

interface Row {
  readonly cells: readonly string[];
  /** Stands behind the cells. */
  readonly remark?: string;
}

function memberRow(
  { name, id, isLearner, status, tookMs, error }: MemberState,
  index: bigint,
  bytes: (size: bigint) => string,
): Row {
  if (status === undefined) {
    const dashes = MEMBER_HEAD.slice(3).map(() => "-");
    return { cells: [name, id, isLearner ? "learner" : "-", ...dashes], remark: error || "no answer yet" };
  }
  const role = isLeader(status)
    ? "leader"
    : isLearner
      ? "learner"
      : status.leader === 0n
        ? "no leader"
        : "follower";
  const lag = index - status.raftAppliedIndex;
  return {
    cells: [
      ...[name, id, role, status.version, bytes(status.dbSize), bytes(status.dbSizeInUse)],
      ...[String(status.raftIndex), String(status.raftAppliedIndex), String(lag), `${tookMs.toFixed(1)}ms`],
    ],
    remark: status.errors.join(", "),
  };
}

function isLeader(status: MemberState["status"]): boolean {
  return status !== undefined && status.leader !== 0n && status.leader === status.header?.memberId;
}

function lastRevision({ members }: Sample): bigint {
  return greatest(members.map(({ status }) => status?.header?.revision ?? 0n));
}

function lastIndex({ members }: Sample): bigint {
  return greatest(members.map(({ status }) => status?.raftIndex ?? 0n));
}

function greatest(numbers: readonly bigint[]): bigint {
  return numbers.reduce((most, each) => (each > most ? each : most), 0n);
}

/** The first column to the left, others to the right: nearly all are numbers. */
function table(head: readonly string[], rows: readonly Row[], { forPeople }: Layout): Line[] {
  const widths = head.map((name, i) =>
    Math.max(name.length, ...rows.map(({ cells }) => [...cells[i]!].length)),
  );
  const padded = (cell: string, i: number) => {
    const gap = " ".repeat(widths[i]! - [...cell].length);
    return i === 0 ? cell + gap : gap + cell;
  };
  const text = (cells: readonly string[]) =>
    forPeople ? cells.map(padded).join("  ").trimEnd() : cells.join("\t");
  return [
    { text: text(head), kind: "head" },
    ...rows.map(({ cells, remark = "" }): Line => {
      if (remark === "") return plain(text(cells));
      return { text: `${text(cells)}${forPeople ? "  " : "\t"}${remark}`, kind: "bad" };
    }),
  ];
}

function plain(text: string): Line {
  return { text, kind: "plain" };
}
