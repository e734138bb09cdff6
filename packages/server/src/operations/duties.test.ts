import assert from "node:assert/strict";
import test from "node:test";
import { bytes } from "../mvcc/testing.ts";
import { DUTIES, type Duty, type Needs } from "./access.ts";
import { ALARM, AlarmAction, encodeActivation } from "./alarm.ts";
import { CALL_NEEDS } from "./call-needs.ts";
import { type Caller, IMPOSTOR, NOBODY } from "./caller.ts";
import { COMPACT } from "./compact.ts";
import { LEASE_REVOKE } from "./lease-revoke.ts";
import { MEMBER_ADD } from "./member-add.ts";
import { MEMBER_PROMOTE } from "./member-promote.ts";
import { MEMBER_REMOVE } from "./member-remove.ts";
import { MEMBER_UPDATE } from "./member-update.ts";
import { execute } from "./operation.ts";
import { newState, refusalOf } from "./testing.ts";
import { DUTY_ROLE_PREFIX, UserAccess } from "./user-access.ts";

const NO_MESSAGE = new Uint8Array(0);
const LEASE = 7n;
const ANY = undefined as never;
const alarm = (() => {
  const raised = encodeActivation(1n, 1);
  return { ...ALARM.decode(raised, 0, raised.length), action: AlarmAction.DEACTIVATE };
})();

/** What only administrators may do, and whose duty it is. */
const calls: readonly { name: string; ask: (needs: Needs) => unknown; duty?: Duty }[] = [
  {
    name: "Compact",
    ask: (needs) => COMPACT.needsOfProposer(COMPACT.decode(NO_MESSAGE, 0, 0), needs),
    duty: "compaction",
  },
  { name: "Defragment", ask: CALL_NEEDS.Defragment, duty: "compaction" },
  { name: "Snapshot", ask: CALL_NEEDS.Snapshot, duty: "snapshots" },
  { name: "Hash", ask: CALL_NEEDS.Hash, duty: "snapshots" },
  { name: "HashKV", ask: CALL_NEEDS.HashKV, duty: "snapshots" },
  { name: "MemberAdd", ask: (needs) => MEMBER_ADD.needs(ANY, needs), duty: "members" },
  { name: "MemberRemove", ask: (needs) => MEMBER_REMOVE.needs(ANY, needs), duty: "members" },
  { name: "MemberUpdate", ask: (needs) => MEMBER_UPDATE.needs(ANY, needs), duty: "members" },
  { name: "MemberPromote", ask: (needs) => MEMBER_PROMOTE.needs(ANY, needs), duty: "members" },
  { name: "MoveLeader", ask: CALL_NEEDS.MoveLeader, duty: "members" },
  { name: "LeaseKeepAlive", ask: (needs) => CALL_NEEDS.LeaseKeepAlive(LEASE, needs), duty: "leases" },
  {
    name: "LeaseTimeToLive",
    ask: (needs) => CALL_NEEDS.LeaseTimeToLive({ ID: LEASE, keys: true }, needs),
    duty: "leases",
  },
  { name: "LeaseLeases", ask: (needs) => CALL_NEEDS.LeaseLeases(needs), duty: "leases" },
  { name: "Downgrade", ask: CALL_NEEDS.Downgrade },
  { name: "Alarm", ask: (needs) => ALARM.needsOfProposer(alarm, needs) },
  { name: "users", ask: (needs) => needs.administrator() },
  { name: "a key", ask: (needs) => needs.read(bytes("k"), NO_MESSAGE) },
  { name: "a key of a lease", ask: (needs) => needs.writeAttached(LEASE) },
];

/** A user for each duty, named after it. Lease 7 has key k, which none of them may read or write. */
async function dutyState() {
  const state = await newState();
  const { auth, lessor } = state;
  const add = (name: string) => auth.addUser({ name, hash: NO_MESSAGE, options: undefined });
  add("root");
  auth.grantRole("root", "root");
  for (const duty of DUTIES) {
    add(duty);
    auth.addRole(DUTY_ROLE_PREFIX + duty);
    auth.grantRole(duty, DUTY_ROLE_PREFIX + duty);
  }
  auth.enable();
  lessor.attach(bytes("k"), LEASE);
  const caller = (username: string): Caller => ({ ...NOBODY, username, authRevision: auth.revision });
  return { state, auth, lessor, caller };
}

for (const { name, ask, duty } of calls) {
  test(`${name} is ${duty === undefined ? "nobody's duty" : `for who has the duty ${duty}`}`, async () => {
    const { auth, lessor, caller } = await dutyState();
    const told = async (knowsDuties: boolean, who: Caller) =>
      refusalOf(async () => ask(new UserAccess(auth, lessor, knowsDuties).needsOf(who)));
    for (const each of DUTIES) {
      const want = each === duty ? "none" : "PERMISSION_DENIED";
      assert.equal(await told(true, caller(each)), want, each);
      assert.equal(await told(false, caller(each)), "PERMISSION_DENIED", each);
    }
    assert.equal(await told(true, caller("root")), "none");
    assert.equal(await told(true, NOBODY), "USER_NAME_EMPTY");
    assert.equal(await told(true, IMPOSTOR), "INVALID_AUTH_TOKEN");
  });
}

test("entries are judged as by members that know of no duties", async () => {
  const { state, auth, lessor, caller } = await dutyState();
  const access = new UserAccess(auth, lessor);
  const applied = await refusalOf(() =>
    execute(LEASE_REVOKE, { ...state, access }, LEASE, 0, caller("leases"), true),
  );
  assert.equal(applied, "PERMISSION_DENIED");
});

test("a duty ends with its role", async () => {
  const { auth, lessor, caller } = await dutyState();
  const access = new UserAccess(auth, lessor, true);
  const mayCompact = () =>
    refusalOf(() => COMPACT.needsOfProposer(ANY, access.needsOf(caller("compaction"))));
  assert.equal(await mayCompact(), "none");
  auth.revokeRole("compaction", "quorate:compaction");
  assert.equal(await mayCompact(), "PERMISSION_DENIED");
});
