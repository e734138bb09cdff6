import { mkdirSync, truncateSync } from "node:fs";
import path from "node:path";
import { ConfChangeType, type Entry, EntryType, encodeConfChange } from "@quorate/raft";
import { type ClusterMember, encodeMember, encodeMemberContext, formatId } from "@quorate/server/offline";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { Wal } from "@quorate/storage/wal/wal";
import { encodeInternalRequest, InternalField } from "@quorate/wire/hot";
import { encodeMessage, PutRequest } from "@quorate/wire/messages";
import { encodeUint64 } from "../database/buckets.ts";
import { type Change, makeDatabase } from "../testing.ts";

export const CLUSTER_ID = 0xcdf818194e3a8c32n;
const MEMBERS: readonly ClusterMember[] = ["a", "b", "c"].map((name, i) => ({
  id: BigInt(i + 1),
  name,
  peerUrls: [`http://127.0.0.1:${i + 1}`],
  isLearner: false,
  clientUrls: [`http://127.0.0.1:${i + 11}`],
}));
/** The entries that add the members, and the leader's first. */
export const FIRST_ENTRIES = MEMBERS.length + 1;

export interface MadeMember {
  /** 1 to 3. */
  readonly id: bigint;
  readonly clusterId?: bigint;
  /** Values that entries put one after another under `k`, in term 2, the first as revision 2. */
  readonly values: readonly string[];
  /** Terms of the last of these entries, where they are others. */
  readonly lastTerms?: readonly number[];
  /** How many of these entries are known to be committed; all unless given. */
  readonly committed?: number;
  /** How many of these the database reflects; all unless given. */
  readonly applied?: number;
  /** Other content of the database than what was put. */
  readonly changes?: readonly Change[];
  readonly learners?: readonly bigint[];
  readonly removed?: readonly bigint[];
}

/** Of a segment's room for more, tests need little: they copy, read and compare it again and again. */
const SEGMENT_BYTES = 65_536;
/** The log's only segment, in a data directory. */
export const SEGMENT = "member/wal/0000000000000000-0000000000000000.wal";

/** Makes the data directory of a member of a cluster of three, `a`, `b` and `c`. */
export async function makeMember(dataDir: string, made: MadeMember): Promise<void> {
  const { values, committed = values.length, lastTerms = [], clusterId = CLUSTER_ID } = made;
  mkdirSync(path.join(dataDir, "member/snap"), { recursive: true });
  const terms = values.map((_, i) => lastTerms[i - (values.length - lastTerms.length)] ?? 2);
  await makeMemberDatabase(path.join(dataDir, "member/snap/db"), made, terms);
  const wal = await Wal.create(new RealDisk(), path.join(dataDir, "member/wal"), {
    nodeId: made.id,
    clusterId,
  });
  const entries = entriesOf(values, terms);
  wal.save({ term: terms.at(-1) ?? 2, vote: 1n, commit: FIRST_ENTRIES + committed }, entries);
  await wal.close();
  truncateSync(path.join(dataDir, SEGMENT), SEGMENT_BYTES);
}

async function makeMemberDatabase(file: string, made: MadeMember, terms: readonly number[]): Promise<void> {
  const { values, applied = values.length, changes, learners = [], removed = [] } = made;
  const members = MEMBERS.filter(({ id }) => !removed.includes(id)).map((member) => ({
    ...member,
    isLearner: learners.includes(member.id),
  }));
  await makeDatabase(file, {
    changes: changes ?? values.slice(0, applied).map((value) => ({ put: "k", value })),
    versions: true,
    entries: [
      ["meta", Buffer.from("consistent_index"), encodeUint64(BigInt(FIRST_ENTRIES + applied))],
      ["meta", Buffer.from("term"), encodeUint64(BigInt(terms[applied - 1] ?? 2))],
      ...members.map(
        (member) => ["members", Buffer.from(formatId(member.id)), Buffer.from(encodeMember(member))] as const,
      ),
      ...removed.map((id) => ["members_removed", Buffer.from(formatId(id)), Buffer.from("removed")] as const),
    ],
  });
}

function entriesOf(values: readonly string[], terms: readonly number[]): Entry[] {
  const additions = MEMBERS.map((member) => ({
    type: EntryType.EntryConfChange,
    term: 1,
    data: encodeConfChange({
      type: ConfChangeType.ConfChangeAddNode,
      nodeId: member.id,
      context: encodeMemberContext(member),
    }),
  }));
  const first = { type: EntryType.EntryNormal, term: 2, data: new Uint8Array(0) };
  const puts = values.map((value, i) => ({
    type: EntryType.EntryNormal,
    term: terms[i]!,
    data: putData(value, BigInt(i + 1)),
  }));
  return [...additions, first, ...puts].map((entry, i) => ({ ...entry, index: i + 1 }));
}

function putData(value: string, id: bigint): Uint8Array {
  const request = encodeMessage(PutRequest, { key: Buffer.from("k"), value: Buffer.from(value) });
  return encodeInternalRequest(InternalField.put, request, id, "", 0);
}
