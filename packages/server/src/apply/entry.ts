import { decode } from "@quorate/wire";
import {
  AlarmRequestSchema,
  CompactionRequestSchema,
  LeaseCheckpointRequestSchema,
} from "@quorate/wire/etcdserverpb";
import {
  decodeDeleteRangeRequest,
  decodeInternalRequest,
  decodeLeaseGrantRequest,
  decodeLeaseId,
  decodePutRequest,
  decodeTxnRequest,
  InternalField,
} from "@quorate/wire/hot";
import {
  ClusterMemberAttrSetRequestSchema,
  ClusterVersionSetRequestSchema,
  DowngradeInfoSetRequestSchema,
} from "@quorate/wire/membershippb";
import { NO_DOWNGRADE } from "../cluster/downgrade-info.ts";
import type { Applier } from "./applier.ts";
import { saturate } from "./int64.ts";
import { applyV2Request, isV2Path } from "./v2-request.ts";

/**
 * Executes an entry that nobody on this member waits for: one that another member proposed, or that is replayed from
 * the log. Throws what the applier throws for refusals, and `WireError` for a payload that is none. What takes more than
 * one turn gives a promise, which may reject with the same.
 */
export function applyEncoded(applier: Applier, data: Uint8Array): Promise<unknown> | undefined {
  const { field, body } = decodeInternalRequest(data);
  switch (field) {
    case InternalField.put:
      applier.put(decodePutRequest(body));
      break;
    case InternalField.deleteRange:
      return promiseIn(applier.deleteRange(decodeDeleteRangeRequest(body)));
    case InternalField.txn:
      return promiseIn(applier.txn(decodeTxnRequest(body)));
    case InternalField.compaction:
      applier.compact(saturate(decode(CompactionRequestSchema, body).revision));
      break;
    case InternalField.leaseGrant: {
      const { id, ttlSeconds } = decodeLeaseGrantRequest(body);
      applier.leaseGrant(id, ttlSeconds);
      break;
    }
    case InternalField.leaseRevoke:
      return promiseIn(applier.leaseRevoke(decodeLeaseId(body)));
    case InternalField.leaseCheckpoint:
      applier.leaseCheckpoint(
        decode(LeaseCheckpointRequestSchema, body).checkpoints.map((checkpoint) => ({
          id: checkpoint.ID,
          remainingTtlSeconds: saturate(checkpoint.remainingTTL),
        })),
      );
      break;
    case InternalField.alarm: {
      const request = decode(AlarmRequestSchema, body);
      applier.alarm(request.action, request.memberID, request.alarm);
      break;
    }
    case InternalField.clusterVersionSet:
      applier.clusterVersion(decode(ClusterVersionSetRequestSchema, body).ver);
      break;
    case InternalField.clusterMemberAttrSet: {
      const request = decode(ClusterMemberAttrSetRequestSchema, body);
      const attributes = request.memberAttributes;
      applier.memberAttributes(request.memberID, attributes?.name ?? "", attributes?.clientUrls ?? []);
      break;
    }
    case InternalField.downgradeInfoSet: {
      const { enabled, ver } = decode(DowngradeInfoSetRequestSchema, body);
      applier.downgradeInfo(enabled ? { enabled, targetVersion: ver } : NO_DOWNGRADE);
      break;
    }
    case InternalField.range:
      if (isV2Path(body)) applyV2Request(applier, data);
      // Without a waiting caller a read has no effect.
      break;
    case InternalField.authStatus:
    case InternalField.authUserGet:
    case InternalField.authUserList:
    case InternalField.authRoleGet:
    case InternalField.authRoleList:
      // Members of etcd put these reads in the log, too.
      break;
    case InternalField.authenticate:
    case InternalField.authDisable:
      // Refused and without effect while authentication is off, which it is wherever this member serves.
      break;
    case InternalField.downgradeVersionTest:
      // An operation of etcd's own tests, which changes nothing.
      break;
    default:
      throw new Error(`log entry with an operation that this release does not know (field ${field})`);
  }
  return undefined;
}

const promiseIn = (outcome: unknown): Promise<unknown> | undefined =>
  outcome instanceof Promise ? outcome : undefined;
