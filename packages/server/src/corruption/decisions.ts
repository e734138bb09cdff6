import type { Revision } from "@quorate/storage/seams/backend";
import type { KvHash } from "../mvcc/stored-hashes.ts";
import type { PeerAnswer } from "./peer-hashes.ts";

/** Hashes can be compared only at one revision and with one compacted revision. */

/** The members whose data differ from this one's, `own` being the hash that they were asked for as well. */
export function differingMembers(own: KvHash, answers: readonly PeerAnswer[]): bigint[] {
  return answers
    .filter(({ hash }) => hash?.compactRevision === own.compactRevision && hash.hash !== own.hash)
    .map(({ id }) => id);
}

/** A member whose data are found to be wrong, and how. */
export interface Finding {
  readonly memberId: bigint;
  readonly reason: string;
}

/**
 * The leader's periodic comparison. It took its hash (`first`), asked the others at that revision, made sure by a read
 * that it knows all that was committed by then, and took its hash again (`second`). At most one finding a run: the first.
 */
export function firstCorrupt(
  localId: bigint,
  first: KvHash,
  second: KvHash & { readonly currentRevision: Revision },
  answers: readonly PeerAnswer[],
): Finding | undefined {
  const sameState =
    second.hashRevision === first.hashRevision && second.compactRevision === first.compactRevision;
  if (sameState && second.hash !== first.hash) {
    return { memberId: localId, reason: "the hash of one revision has changed" };
  }
  for (const { id, hash } of answers) {
    if (hash === undefined) continue;
    if (hash.currentRevision > second.currentRevision) {
      return { memberId: id, reason: "a follower is at a revision that the leader does not have" };
    }
    if (hash.compactRevision > second.compactRevision) {
      return { memberId: id, reason: "a follower is compacted at a revision at which the leader is not" };
    }
    if (hash.compactRevision === first.compactRevision && hash.hash !== first.hash) {
      return { memberId: id, reason: "the hashes of one revision differ" };
    }
  }
  return undefined;
}

/** Stands for the whole cluster in an alarm. */
const UNKNOWN_MEMBER = 0n;

/** What came of comparing the hash of one compaction. */
export type CompactionVerdict =
  /** All members have it: nothing older needs to be looked at. */
  | { readonly kind: "checked" }
  /** Some have not answered, the others agree: an older compaction may tell more. */
  | { readonly kind: "incomplete" }
  /** Not all agree. `members` are those outside the majority, or `UNKNOWN_MEMBER` when there is none. */
  | { readonly kind: "corrupt"; readonly members: readonly bigint[] };

/** The leader's comparison of what its compaction has hashed (`own`) with what the same compaction hashed elsewhere. */
export function judgeCompaction(
  localId: bigint,
  own: KvHash,
  answers: readonly PeerAnswer[],
): CompactionVerdict {
  const membersByHash = new Map<number, bigint[]>([[own.hash, [localId]]]);
  let answered = 0;
  for (const { id, hash } of answers) {
    if (hash === undefined || hash.compactRevision !== own.compactRevision) continue;
    answered += 1;
    const members = membersByHash.get(hash.hash);
    if (members === undefined) membersByHash.set(hash.hash, [id]);
    else members.push(id);
  }
  if (membersByHash.size === 1) return { kind: answered === answers.length ? "checked" : "incomplete" };
  const quorum = Math.floor((answers.length + 1) / 2) + 1;
  const groups = [...membersByHash.values()];
  const majority = groups.find((members) => members.length >= quorum);
  if (majority === undefined) return { kind: "corrupt", members: [UNKNOWN_MEMBER] };
  return { kind: "corrupt", members: groups.filter((members) => members !== majority).flat() };
}
