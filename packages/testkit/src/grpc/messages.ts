/** The messages of etcd's client API that the suites speak, with the field numbers of its contract. */
import {
  bool,
  bytes,
  type InputOf,
  int,
  int64,
  type MessageType,
  message,
  repeated,
  sub,
  text,
  uint64,
} from "./proto.ts";

export const SortOrder = { NONE: 0, ASCEND: 1, DESCEND: 2 } as const;
export const SortTarget = { KEY: 0, VERSION: 1, CREATE: 2, MOD: 3, VALUE: 4 } as const;
export const CompareResult = { EQUAL: 0, GREATER: 1, LESS: 2, NOT_EQUAL: 3 } as const;
export const CompareTarget = { VERSION: 0, CREATE: 1, MOD: 2, VALUE: 3, LEASE: 4 } as const;
export const EventType = { PUT: 0, DELETE: 1 } as const;

const headerFields = { cluster_id: uint64(1), member_id: uint64(2), revision: int(3), raft_term: uint64(4) };
export const ResponseHeader = message("ResponseHeader", headerFields);
const header = sub(1, () => ResponseHeader);

export const KeyValue = message("KeyValue", {
  key: bytes(1),
  create_revision: int(2),
  mod_revision: int(3),
  version: int(4),
  value: bytes(5),
  lease: int64(6),
});
export type KeyValue = ReturnType<typeof KeyValue.decode>;

export const Event = message("Event", {
  type: int(1),
  kv: sub(2, () => KeyValue),
  prev_kv: sub(3, () => KeyValue),
});
export type Event = ReturnType<typeof Event.decode>;

const rangeFields = {
  key: bytes(1),
  range_end: bytes(2),
  limit: int(3),
  revision: int(4),
  sort_order: int(5),
  sort_target: int(6),
  serializable: bool(7),
  keys_only: bool(8),
  count_only: bool(9),
  min_mod_revision: int(10),
  max_mod_revision: int(11),
  min_create_revision: int(12),
  max_create_revision: int(13),
};
export const RangeRequest = message("RangeRequest", rangeFields);
export type RangeRequestInput = InputOf<typeof rangeFields>;
export const RangeResponse = message("RangeResponse", {
  header,
  kvs: repeated(sub(2, () => KeyValue)),
  more: bool(3),
  count: int(4),
});
export type RangeResponse = ReturnType<typeof RangeResponse.decode>;
export const RangeStreamResponse = message("RangeStreamResponse", {
  range_response: sub(1, () => RangeResponse),
});

const putFields = {
  key: bytes(1),
  value: bytes(2),
  lease: int64(3),
  prev_kv: bool(4),
  ignore_value: bool(5),
  ignore_lease: bool(6),
};
export const PutRequest = message("PutRequest", putFields);
export type PutRequestInput = InputOf<typeof putFields>;
export const PutResponse = message("PutResponse", { header, prev_kv: sub(2, () => KeyValue) });

const deleteFields = { key: bytes(1), range_end: bytes(2), prev_kv: bool(3) };
export const DeleteRangeRequest = message("DeleteRangeRequest", deleteFields);
export type DeleteRangeRequestInput = InputOf<typeof deleteFields>;
export const DeleteRangeResponse = message("DeleteRangeResponse", {
  header,
  deleted: int(2),
  prev_kvs: repeated(sub(3, () => KeyValue)),
});

const compareFields = {
  result: int(1),
  target: int(2),
  key: bytes(3),
  // Members of a oneof: written only when set, and then also when they are zero.
  version: optional(int(4)),
  create_revision: optional(int(5)),
  mod_revision: optional(int(6)),
  value: optional(bytes(7)),
  lease: optional(int64(8)),
  range_end: bytes(64),
};
export const Compare = message("Compare", compareFields);
export type CompareInput = InputOf<typeof compareFields>;

function optional<F extends { readonly isDefault: (value: never) => boolean }>(field: F): F {
  return { ...field, isDefault: () => false };
}

export interface RequestOpInput {
  readonly request_range?: RangeRequestInput | undefined;
  readonly request_put?: PutRequestInput | undefined;
  readonly request_delete_range?: DeleteRangeRequestInput | undefined;
  readonly request_txn?: TxnRequestInput | undefined;
}
export interface TxnRequestInput {
  readonly compare?: readonly CompareInput[] | undefined;
  readonly success?: readonly RequestOpInput[] | undefined;
  readonly failure?: readonly RequestOpInput[] | undefined;
}
export interface ResponseOp {
  readonly response_range: RangeResponse | undefined;
  readonly response_put: ReturnType<typeof PutResponse.decode> | undefined;
  readonly response_delete_range: ReturnType<typeof DeleteRangeResponse.decode> | undefined;
  readonly response_txn: TxnResponse | undefined;
}
export interface TxnResponse {
  readonly header: ReturnType<typeof ResponseHeader.decode> | undefined;
  readonly succeeded: boolean;
  readonly responses: ResponseOp[];
}

export const RequestOp: MessageType<RequestOpInput, unknown> = message("RequestOp", {
  request_range: sub(1, () => RangeRequest),
  request_put: sub(2, () => PutRequest),
  request_delete_range: sub(3, () => DeleteRangeRequest),
  request_txn: sub(4, () => TxnRequest),
});
export const TxnRequest: MessageType<TxnRequestInput, unknown> = message("TxnRequest", {
  compare: repeated(sub(1, () => Compare)),
  success: repeated(sub(2, () => RequestOp)),
  failure: repeated(sub(3, () => RequestOp)),
});
const ResponseOp: MessageType<unknown, ResponseOp> = message("ResponseOp", {
  response_range: sub(1, () => RangeResponse),
  response_put: sub(2, () => PutResponse),
  response_delete_range: sub(3, () => DeleteRangeResponse),
  response_txn: sub(4, () => TxnResponse),
}) as MessageType<unknown, ResponseOp>;
export const TxnResponse: MessageType<unknown, TxnResponse> = message("TxnResponse", {
  header,
  succeeded: bool(2),
  responses: repeated(sub(3, () => ResponseOp)),
}) as MessageType<unknown, TxnResponse>;

export const CompactionRequest = message("CompactionRequest", { revision: int(1), physical: bool(2) });
export const CompactionResponse = message("CompactionResponse", { header });

const watchCreateFields = {
  key: bytes(1),
  range_end: bytes(2),
  start_revision: int(3),
  progress_notify: bool(4),
  filters: repeated(int(5)),
  prev_kv: bool(6),
  watch_id: int64(7),
  fragment: bool(8),
};
export const WatchCreateRequest = message("WatchCreateRequest", watchCreateFields);
export type WatchCreateInput = InputOf<typeof watchCreateFields>;
export const WatchRequest = message("WatchRequest", {
  create_request: sub(1, () => WatchCreateRequest),
  cancel_request: sub(2, () => message("WatchCancelRequest", { watch_id: int64(1) })),
  progress_request: sub(3, () => message("WatchProgressRequest", {})),
});
export const WatchResponse = message("WatchResponse", {
  header,
  watch_id: int64(2),
  created: bool(3),
  canceled: bool(4),
  compact_revision: int(5),
  cancel_reason: text(6),
  fragment: bool(7),
  events: repeated(sub(11, () => Event)),
});
export type WatchResponse = ReturnType<typeof WatchResponse.decode>;

export const LeaseGrantRequest = message("LeaseGrantRequest", { TTL: int(1), ID: int64(2) });
export const LeaseGrantResponse = message("LeaseGrantResponse", {
  header,
  ID: int64(2),
  TTL: int(3),
  error: text(4),
});
export const LeaseRevokeRequest = message("LeaseRevokeRequest", { ID: int64(1) });
export const LeaseRevokeResponse = message("LeaseRevokeResponse", { header });
export const LeaseKeepAliveRequest = message("LeaseKeepAliveRequest", { ID: int64(1) });
export const LeaseKeepAliveResponse = message("LeaseKeepAliveResponse", {
  header,
  ID: int64(2),
  TTL: int(3),
});
export const LeaseTimeToLiveRequest = message("LeaseTimeToLiveRequest", { ID: int64(1), keys: bool(2) });
export const LeaseTimeToLiveResponse = message("LeaseTimeToLiveResponse", {
  header,
  ID: int64(2),
  TTL: int(3),
  grantedTTL: int(4),
  keys: repeated(bytes(5)),
});
export const LeaseLeasesRequest = message("LeaseLeasesRequest", {});
export const LeaseLeasesResponse = message("LeaseLeasesResponse", {
  header,
  leases: repeated(sub(2, () => message("LeaseStatus", { ID: int64(1) }))),
});

export const HashRequest = message("HashRequest", {});
export const HashResponse = message("HashResponse", { header, hash: int(2) });
export const HashKVRequest = message("HashKVRequest", { revision: int(1) });
export const HashKVResponse = message("HashKVResponse", {
  header,
  hash: int(2),
  compact_revision: int(3),
  hash_revision: int(4),
});
export const DefragmentRequest = message("DefragmentRequest", {});
export const DefragmentResponse = message("DefragmentResponse", { header });
export const StatusRequest = message("StatusRequest", {});
export const StatusResponse = message("StatusResponse", {
  header,
  version: text(2),
  dbSize: int(3),
  leader: uint64(4),
  raftIndex: uint64(5),
  raftTerm: uint64(6),
  raftAppliedIndex: uint64(7),
  errors: repeated(text(8)),
  dbSizeInUse: int(9),
  isLearner: bool(10),
  storageVersion: text(11),
  dbSizeQuota: int(12),
  downgradeInfo: sub(13, () => message("DowngradeInfo", { enabled: bool(1), targetVersion: text(2) })),
});
export const AlarmRequest = message("AlarmRequest", { action: int(1), memberID: uint64(2), alarm: int(3) });
export const AlarmResponse = message("AlarmResponse", {
  header,
  alarms: repeated(sub(2, () => message("AlarmMember", { memberID: uint64(1), alarm: int(2) }))),
});
export const MemberListRequest = message("MemberListRequest", { linearizable: bool(1) });
export const MemberListResponse = message("MemberListResponse", {
  header,
  members: repeated(
    sub(2, () =>
      message("Member", {
        ID: uint64(1),
        name: text(2),
        peerURLs: repeated(text(3)),
        clientURLs: repeated(text(4)),
        isLearner: bool(5),
      }),
    ),
  ),
});
