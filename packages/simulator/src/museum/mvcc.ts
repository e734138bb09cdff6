import { type Entry, EntryType, LOCAL_APPLY_THREAD, type Message, type RawNode } from "@quorate/raft";
import type { MemberParts } from "@quorate/server/simulation";
import type { Backend } from "@quorate/storage/seams/backend";
import { decode, encode } from "@quorate/wire";
import { type RequestOp, TxnRequestSchema } from "@quorate/wire/etcdserverpb";
import { decodeInternalRequest, encodeInternalRequest, InternalField, requestId } from "@quorate/wire/hot";
import { KeyValueSchema } from "@quorate/wire/mvccpb";
import { CRASHES } from "./circumstances.ts";
import type { Exhibit } from "./exhibit.ts";
import { replaceMethod } from "./replace-method.ts";

type Store = MemberParts["store"];
type Index = Store["state"]["index"];

/** Request IDs begin with so many bits of their member's ID, behind which others follow. */
const REQUEST_ID_SUFFIX_BITS = 48n;

export const MVCC_EXHIBITS: readonly Exhibit[] = [
  {
    name: "revision-decreases",
    mistake:
      "a start takes the newest record's revision for the current one, though a compaction removed the newest tombstone",
    origin: "etcd#17780",
    circumstances: CRASHES,
    inMember({ parts }) {
      const { store } = parts;
      // Otherwise the newest record is never one that a compaction removes.
      dropTombstonesAtCompaction(store);
      replaceMethod<Store["restore"]>(store, "restore", (restore) => async (onLease) => {
        await restore(onLease);
        const main = store.state.backend.lastRevision()?.main ?? 1;
        store.state.currentRevision = main;
        store.state.latestMain = main;
      });
    },
  },
  {
    name: "tombstone-compacted",
    mistake:
      "a compaction at the revision of a delete removes its tombstone, which watchers from there on must see",
    origin: "etcd#18089",
    circumstances: CRASHES,
    inMember({ parts }) {
      dropTombstonesAtCompaction(parts.store);
    },
  },
  {
    name: "tombstone-not-restored",
    mistake: "a start leaves a tombstone out of the index when all older records of its key are compacted",
    origin: "etcd#19179",
    circumstances: CRASHES,
    inMember({ parts }) {
      forgetLoneTombstones(parts.store);
    },
  },
  {
    name: "ranges-left-out",
    mistake:
      "members leave the ranges out of transactions that others have proposed, and so do not refuse what those refuse",
    origin: "etcd#18667",
    inMember({ parts, storage }) {
      const ownPrefix = storage.localId & 0xffffn;
      replaceMethod<RawNode["ready"]>(parts.node, "ready", (ready) => () => {
        const result = ready();
        for (const message of result.messages) {
          if (message.to === LOCAL_APPLY_THREAD) leaveRangesOut(message, ownPrefix);
        }
        return result;
      });
    },
  },
  {
    name: "records-read-twice",
    mistake:
      "of a transaction that is not committed to the database yet, history has the second record twice",
    origin: "etcd#17247",
    inMember({ parts }) {
      readUncommittedTwice(parts.store, parts.context.backend);
    },
  },
];

/** Calls `change` with the index, and with each one that a start or a snapshot puts in its place. */
function onIndex(store: Store, change: (index: Index) => void): void {
  const { state } = store;
  let { index } = state;
  change(index);
  Object.defineProperty(state, "index", {
    get: () => index,
    set: (next: Index) => {
      index = next;
      change(next);
    },
  });
}

function dropTombstonesAtCompaction(store: Store): void {
  const isTombstone = (main: number, sub: number) =>
    store.state.backend.getTombstone(main, sub) !== undefined;
  onIndex(store, (index) => {
    replaceMethod<Index["isKept"]>(index, "isKept", (isKept) => (key, main, sub, compactMain) => {
      if (main === compactMain && isTombstone(main, sub)) return false;
      return isKept(key, main, sub, compactMain);
    });
  });
}

function forgetLoneTombstones(store: Store): void {
  const { state } = store;
  onIndex(store, (index) => {
    const lone = loneTombstones(state.backend);
    if (lone.size === 0) return;
    const isForgotten = (main: number, sub: number) => lone.has(`${main}/${sub}`);
    replaceMethod<Index["isKept"]>(index, "isKept", (isKept) => (key, main, sub, compactMain) => {
      return !isForgotten(main, sub) && isKept(key, main, sub, compactMain);
    });
    replaceMethod<Index["visitRevisionsFrom"]>(
      index,
      "visitRevisionsFrom",
      (visitRevisionsFrom) => (id, fromMain, visit) => {
        visitRevisionsFrom(id, fromMain, (main, sub, tombstone) =>
          isForgotten(main, sub) ? true : visit(main, sub, tombstone),
        );
      },
    );
  });
}

/** `main/sub` of the tombstones that are the first record of their key. */
function loneTombstones(backend: Backend): Set<string> {
  const seen = new Set<string>();
  const lone = new Set<string>();
  for (const { main, sub, tombstone, record } of backend.scanRevisions(0, Number.MAX_SAFE_INTEGER)) {
    const key = Buffer.from(decode(KeyValueSchema, record).key).toString();
    if (tombstone && !seen.has(key)) lone.add(`${main}/${sub}`);
    seen.add(key);
  }
  return lone;
}

function leaveRangesOut(message: Message, ownPrefix: bigint): void {
  message.entries = message.entries.map((entry): Entry => {
    if (entry.type !== EntryType.EntryNormal || entry.data.length === 0) return entry;
    const { field, body } = decodeInternalRequest(entry.data);
    const id = requestId(entry.data);
    if (field !== InternalField.txn || id >> REQUEST_ID_SUFFIX_BITS === ownPrefix) return entry;
    const txn = decode(TxnRequestSchema, body);
    const withoutRanges = (ops: RequestOp[]) => ops.filter(({ request }) => request.case !== "requestRange");
    const request = encode(TxnRequestSchema, {
      ...txn,
      success: withoutRanges(txn.success),
      failure: withoutRanges(txn.failure),
    });
    return { ...entry, data: encodeInternalRequest(field, request, id, "", 0) };
  });
}

function readUncommittedTwice(store: Store, backend: Backend): void {
  let committedRevision = 0;
  replaceMethod<Backend["commit"]>(backend, "commit", (commit) => () => {
    commit();
    committedRevision = store.currentRevision;
  });
  replaceMethod<Store["openHistory"]>(
    store,
    "openHistory",
    (openHistory) => (key, rangeEnd, fromMain, toMain) => {
      const scan = openHistory(key, rangeEnd, fromMain, toMain);
      return {
        get position() {
          return scan.position;
        },
        advance(maxRecords, maxBytes, into, copies) {
          const before = into.length;
          scan.advance(maxRecords, maxBytes, into, copies);
          for (const change of into.splice(before)) {
            into.push(change);
            if (change.sub > 0 && change.main > committedRevision) into.push(change);
          }
        },
        close: () => scan.close(),
      };
    },
  );
}
