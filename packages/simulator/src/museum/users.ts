import type { MemberParts } from "@quorate/server/simulation";
import type { Scenario } from "../scenario.ts";
import type { Exhibit } from "./exhibit.ts";
import { replaceMethod } from "./replace-method.ts";

type Context = MemberParts["context"];
type Access = Context["access"];
type Needs = ReturnType<Access["needsOf"]>;
type Auth = Context["auth"];
type Tokens = Context["tokens"];

const SIMPLE = { kind: "simple", ttlMs: 300_000 } as const;
/** Users work, and what they may do changes. */
const USERS: Partial<Scenario> = { users: 3, tokens: SIMPLE, workers: 4, thinkMs: 15, floods: false };

export const USER_EXHIBITS: readonly Exhibit[] = [
  {
    name: "unchecked-apply",
    mistake: "an entry is applied whatever its user may write",
    origin: "ours",
    circumstances: USERS,
    inMember({ parts }) {
      onNeeds(parts, (needs) => replaceMethod<Needs["write"]>(needs, "write", () => () => {}));
    },
  },
  {
    name: "stale-permissions",
    mistake: "what a user may do is found out once, and remembered whatever changes",
    origin: "ours",
    circumstances: USERS,
    inMember({ parts }) {
      const known = new Map<string, ReturnType<Auth["grantedTo"]>>();
      replaceMethod<Auth["grantedTo"]>(parts.context.auth, "grantedTo", (grantedTo) => (name) => {
        const granted = known.get(name) ?? grantedTo(name);
        known.set(name, granted);
        return granted;
      });
    },
  },
  {
    name: "uncounted-change",
    mistake: "a permission is granted and the revision of users and roles stays as it is",
    origin: "ours",
    circumstances: USERS,
    inMember({ parts }) {
      const { auth } = parts.context;
      replaceMethod<Auth["grantPermission"]>(
        auth,
        "grantPermission",
        (grantPermission) => (role, permission) => {
          const { revision } = auth;
          grantPermission(role, permission);
          auth.revision = revision;
        },
      );
    },
  },
  {
    name: "nested-ranges-unchecked",
    mistake:
      "of a transaction what it compares first is checked for reading, and no range behind it, nested ones included",
    origin: "CVE-2026-33343",
    circumstances: USERS,
    inMember({ parts }) {
      onNeeds(parts, (needs) => {
        let reads = 0;
        replaceMethod<Needs["read"]>(needs, "read", (read) => (key, rangeEnd) => {
          if (reads++ === 0) read(key, rangeEnd);
        });
      });
    },
  },
  {
    name: "unchecked-leases",
    mistake: "keys are attached to leases, and leases revoked, whatever else is attached to them",
    origin: "CVE-2026-44283",
    circumstances: { ...USERS, leaseHolders: 3 },
    inMember({ parts }) {
      onNeeds(parts, (needs) =>
        replaceMethod<Needs["writeAttached"]>(needs, "writeAttached", () => () => {}),
      );
    },
  },
  {
    name: "old-tokens",
    mistake: "a user's tokens hold on when its password has changed or it is gone",
    origin: "ours",
    circumstances: USERS,
    inMember({ parts }) {
      replaceMethod<Tokens["dropUser"]>(parts.context.tokens, "dropUser", () => () => {});
    },
  },
  {
    name: "forgotten-users",
    mistake: "a member goes on with its old users and roles when it has received a snapshot",
    origin: "etcd#14648",
    circumstances: {
      ...USERS,
      members: 3,
      faults: ["pause", "partition", "cut", "kill"],
      meanPauseMs: 500,
      meanFaultMs: 800,
      floods: true,
      member: { heartbeatMs: 10, electionTicks: 10, snapshotCount: 50, snapshotCatchupEntries: 5 },
    },
    inMember({ parts }) {
      let isRestored = false;
      replaceMethod<Auth["restore"]>(parts.context.auth, "restore", (restore) => () => {
        if (isRestored) return false;
        isRestored = true;
        return restore();
      });
    },
  },
];

/** Calls `change` with what a member asks whether a caller may do something, each time that it does. */
function onNeeds({ context: { access } }: MemberParts, change: (needs: Needs) => void): void {
  replaceMethod<Access["needsOf"]>(access, "needsOf", (needsOf) => (caller) => {
    const needs = needsOf(caller);
    change(needs);
    return needs;
  });
}
