import type { MemberParts } from "@quorate/server/simulation";
import { PAUSES, SNAPSHOTS } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { replaceGetter, replaceMethod } from "./replace-method.ts";

type Consensus = MemberParts["consensus"];
type Lessor = MemberParts["lessor"];

export const LEASE_EXHIBITS: readonly Exhibit[] = [
  {
    name: "old-leader-revokes",
    mistake:
      "a leader that stood still revokes leases by its old deadlines, and the next leader carries that out",
    origin: "etcd#15247",
    circumstances: { ...PAUSES, leaseHolders: 4 },
    inMember({ parts }) {
      const { lessor, consensus } = parts;
      replaceGetter<boolean>(lessor.pauses, "isProofNeeded", () => () => false);
      replaceGetter<number>(consensus, "lastTickMs", () => () => Number.POSITIVE_INFINITY);
      replaceMethod<Consensus["propose"]>(consensus, "propose", (propose) => (proposal) => {
        Object.assign(proposal, { leaderOnly: false });
        propose(proposal);
      });
    },
  },
  {
    name: "forgotten-leases",
    mistake: "a member goes on with its old leases when it has received a snapshot",
    origin: "ours",
    circumstances: { ...SNAPSHOTS, leaseHolders: 4 },
    inMember({ parts }) {
      replaceMethod<Lessor["become"]>(parts.lessor, "become", () => () => {});
    },
  },
  {
    name: "keys-not-attached-again",
    mistake: "a start does not attach keys to their leases again",
    origin: "ours",
    inMember({ parts }) {
      replaceMethod<Lessor["restoreAttachment"]>(parts.lessor, "restoreAttachment", () => () => true);
    },
  },
  {
    name: "keys-stay-attached",
    mistake: "a key that is put without a lease stays attached to the one that it had",
    origin: "ours",
    inMember({ parts }) {
      replaceMethod<Lessor["attach"]>(parts.lessor, "attach", (attach) => (key, id) => {
        if (id !== 0n) attach(key, id);
      });
      replaceMethod<Lessor["detach"]>(parts.lessor, "detach", () => () => {});
    },
  },
  {
    name: "no-new-deadlines",
    mistake: "a new leader counts the deadlines of leases from their grants, as if nobody had renewed them",
    origin: "ours",
    circumstances: { ...PAUSES, leaseHolders: 3 },
    inMember({ parts, clock }) {
      const { lessor } = parts;
      const grantedMs = new Map<bigint, number>();
      replaceMethod<Lessor["applyGrant"]>(lessor, "applyGrant", (applyGrant) => (id, ttlSeconds) => {
        grantedMs.set(id, clock.nowMs());
        return applyGrant(id, ttlSeconds);
      });
      const deadlines = Reflect.get(lessor, "deadlines") as Deadlines;
      let promotedMs: number | undefined;
      replaceMethod<Deadlines["promote"]>(deadlines, "promote", (promote) => () => {
        promotedMs = clock.nowMs();
        promote();
        promotedMs = undefined;
      });
      replaceMethod<Deadlines["set"]>(deadlines, "set", (set) => (slot, deadlineMs) => {
        const fromMs = promotedMs && grantedMs.get(idOf(lessor, slot));
        set(slot, fromMs === undefined ? deadlineMs : deadlineMs - promotedMs! + fromMs);
      });
    },
  },
  {
    name: "deaf-lessor",
    mistake: "keepalives are answered and change nothing",
    origin: "ours",
    inMember({ parts }) {
      const { lessor } = parts;
      replaceMethod<Lessor["renew"]>(
        lessor,
        "renew",
        () => async (id) => lessor.timeToLive(id, false)?.grantedTtlSeconds ?? 0,
      );
    },
  },
  {
    name: "immortal-leases",
    mistake: "leases that have expired are not revoked",
    origin: "ours",
    inMember({ parts }) {
      replaceMethod<Lessor["promote"]>(parts.lessor, "promote", () => () => {});
    },
  },
];

/** What of the deadlines is replaced. */
interface Deadlines {
  promote(): void;
  set(slot: number, deadlineMs: number): void;
}

function idOf(lessor: Lessor, slot: number): bigint {
  return (Reflect.get(lessor, "table") as { idOf(slot: number): bigint }).idOf(slot);
}
