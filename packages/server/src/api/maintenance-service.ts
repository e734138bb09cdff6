import { decode, encode } from "@quorate/wire";
import {
  AlarmRequestSchema,
  AlarmResponseSchema,
  DefragmentRequestSchema,
  DefragmentResponseSchema,
  DowngradeRequestSchema,
  DowngradeResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  HashRequestSchema,
  HashResponseSchema,
  MoveLeaderRequestSchema,
  MoveLeaderResponseSchema,
  StatusRequestSchema,
  StatusResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { type Alarm, AlarmType } from "../alarm/alarm-store.ts";
import { storageVersion } from "../cluster/storage-version.ts";
import { FAILURES } from "../errors.ts";
import type { Needs } from "../operations/access.ts";
import { ALARM } from "../operations/alarm.ts";
import { CALL_NEEDS } from "../operations/call-needs.ts";
import type { Caller } from "../operations/caller.ts";
import { saturate } from "../operations/int64.ts";
import { COMPATIBLE_VERSION } from "../version.ts";
import { callerOf, waitingCallerOf } from "./callers.ts";
import type { MaintenanceContext } from "./context.ts";
import { defragment } from "./defragment.ts";
import { downgrade } from "./downgrade.ts";
import { moveLeader } from "./leadership.ts";
import { propose } from "./propose.ts";
import type { Services } from "./services.ts";

const DEFAULT_QUOTA_BYTES = 2 ** 31;

/** `etcdserverpb.Maintenance` but for snapshots. */
export function addMaintenanceService(services: Services, context: MaintenanceContext): void {
  const { access, alarms, backend, consensus, headers, membership, store } = context;
  /** Before anything else: whoever may not is told no more. */
  const check = (needsOf: (needs: Needs) => void, caller: Caller) => {
    if (access.isRestricted) needsOf(access.needsOf(caller));
  };

  services.addAsync("/etcdserverpb.Maintenance/Status", async (message, call) => {
    decode(StatusRequestSchema, message);
    check(CALL_NEEDS.Status, callerOf(call));
    const errors = consensus.leader === 0n ? [FAILURES.NO_LEADER[1] as string] : [];
    for (const alarm of alarms.list(AlarmType.NONE)) errors.push(alarmText(alarm));
    return encode(StatusResponseSchema, {
      header: headers.fields(store.currentRevision),
      version: COMPATIBLE_VERSION,
      dbSize: BigInt(backend.sizeBytes),
      leader: consensus.leader,
      raftIndex: BigInt(consensus.committedIndex),
      raftTerm: BigInt(consensus.appliedTerm),
      raftAppliedIndex: BigInt(consensus.appliedIndex),
      errors,
      dbSizeInUse: BigInt(backend.sizeInUseBytes),
      storageVersion: storageVersion(backend) ?? "",
      dbSizeQuota: BigInt(
        Number.isFinite(context.quota.limitBytes) ? context.quota.limitBytes : DEFAULT_QUOTA_BYTES,
      ),
      isLearner: membership.isLearner,
      downgradeInfo: membership.downgrade,
    });
  });

  services.addAsync("/etcdserverpb.Maintenance/Alarm", async (message, call) => {
    const caller = callerOf(call);
    const request = decode(AlarmRequestSchema, message);
    if (access.isRestricted) ALARM.needsOfProposer(request, access.needsOf(caller));
    const result = await propose(context, ALARM, message, caller);
    return encode(AlarmResponseSchema, {
      header: headers.fields(store.currentRevision),
      alarms: result.map((alarm) => ({ memberID: alarm.memberId, alarm: alarm.type })),
    });
  });

  services.addAsync("/etcdserverpb.Maintenance/HashKV", async (message, call) => {
    const request = decode(HashKVRequestSchema, message);
    check(CALL_NEEDS.HashKV, callerOf(call));
    const result = await store.hashKv(saturate(request.revision));
    return encode(HashKVResponseSchema, {
      header: headers.fields(result.currentRevision),
      hash: result.hash,
      compactRevision: BigInt(result.compactRevision),
      hashRevision: BigInt(result.hashRevision),
    });
  });

  services.addAsync("/etcdserverpb.Maintenance/Hash", async (message, call) => {
    decode(HashRequestSchema, message);
    check(CALL_NEEDS.Hash, callerOf(call));
    const hash = await store.hashAll();
    return encode(HashResponseSchema, { header: headers.fields(store.currentRevision), hash });
  });

  services.addAsync("/etcdserverpb.Maintenance/Defragment", async (message, call) => {
    decode(DefragmentRequestSchema, message);
    check(CALL_NEEDS.Defragment, callerOf(call));
    await defragment(context);
    return encode(DefragmentResponseSchema, {});
  });

  services.addAsync("/etcdserverpb.Maintenance/MoveLeader", async (message, call) => {
    const { targetID } = decode(MoveLeaderRequestSchema, message);
    const caller = waitingCallerOf(call);
    check(CALL_NEEDS.MoveLeader, caller);
    await moveLeader(context, targetID, caller.signal);
    return encode(MoveLeaderResponseSchema, {});
  });

  services.addAsync("/etcdserverpb.Maintenance/Downgrade", async (message, call) => {
    const request = decode(DowngradeRequestSchema, message);
    const caller = callerOf(call);
    check(CALL_NEEDS.Downgrade, caller);
    const version = await downgrade(context, request.action, request.version, caller);
    return encode(DowngradeResponseSchema, { header: headers.fields(store.currentRevision), version });
  });
}

/** As Go prints the message: what `Status` reports for each active alarm. */
function alarmText(alarm: Alarm): string {
  const name =
    alarm.type === AlarmType.NOSPACE ? "NOSPACE" : alarm.type === AlarmType.CORRUPT ? "CORRUPT" : alarm.type;
  return `memberID:${alarm.memberId} alarm:${name}`;
}
