/**
 * The loops of folders that work with what clients decide the size of, which are neither steps nor ask the slicer, and why
 * none of them is long: by file, then by function as `find-loops.ts` names it; `*` is every function of a file.
 */
export const BOUNDED_LOOPS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "apply/applier.ts": { "Applier.leaseCheckpoint": "a leader proposes at most 500 checkpoints in an entry" },
  "apply/entry.ts": { applyEncoded: "the checkpoints of an entry, at most 500" },
  "apply/quota.ts": { branchCost: "operations of one request, which has at most 1.5 MiB" },
  "apply/v2-request.ts": { "*": "a request of the log's early format: the attributes of a member" },

  "lease/byte-arena.ts": { "*": "the bytes of a key" },
  "lease/columns.ts": { "*": "chunks of a column, each filled as one piece of memory: 2 ns a slot" },
  "lease/deadline-heap.ts": { "*": "the way between the root of a heap and a leaf" },
  "lease/key-attachments.ts": {
    "KeyAttachments.detachSteps": "walks that pause: requests that are being answered",
    "KeyAttachments.clear": "columns, and walks that pause",
    "KeyAttachments.afterSome": "a step's worth of keys",
    "KeyAttachments.find": "neighbours in a hash table",
    "KeyAttachments.unlink": "walks that pause: requests that are being answered",
    "KeyAttachments.take": "columns",
    hashKey: "the bytes of a key",
  },
  "lease/lease-record.ts": { "*": "the fields of one lease" },
  "lease/lease-table.ts": { "*": "columns, or neighbours in a hash table" },
  "lease/lessor.ts": {
    "Lessor.applyRevokeOfDeleted": "renewals of one expired lease that wait: open calls",
    "Lessor.demote": "renewals of expired leases that wait: open calls",
    "Lessor.proposeExpired": "500 leases every 500 ms",
    "Lessor.proposeCheckpoints":
      "500 leases every 500 ms, and of those that were renewed at once as many as fall due between",
  },
  "lease/metrics.ts": { "*": "buckets of a histogram" },
  "lease/revoke-queue.ts": { "*": "waits for each revoke" },
  "lease/slot-index.ts": {
    "*": "neighbours in one segment of a hash table, which is split before it is large",
  },
  "lease/sorted-keys.ts": { compareBytes: "the bytes of a key; its caller counts them" },

  "mvcc/bytes.ts": { "*": "the bytes of a key" },
  "mvcc/compaction.ts": {
    "Compactor.#run": "waits for each batch",
    "CompactionPass.batch": "records of a batch, by default 1,000",
  },
  "mvcc/history.ts": { "*": "as many records as its caller asks for, who counts them" },
  "mvcc/range.ts": { readOneKeyInto: "one key", findNext: "a step's worth of keys" },
  "mvcc/read-views.ts": { "*": "long reads that are under way: requests that are being answered" },
  "mvcc/record.ts": { "*": "the fields before the value of a record" },
  "mvcc/restore.ts": {
    "PutBatch.constructor": "a batch of 64",
    "PutBatch.add": "the bytes of a short key",
    "PutBatch.flush": "a batch of 64",
  },
  "mvcc/stored-hashes.ts": { "*": "the hashes of the last ten compactions" },
  "mvcc/index/entry-table.ts": { "*": "the bytes of a key" },
  "mvcc/index/key-hash.ts": { "*": "the bytes of a key" },
  "mvcc/index/key-index.ts": {
    "KeyIndex.countAt": "only tests call it",
    "KeyIndex.countLeafAt": "one leaf",
    "KeyIndex.hasFewEntries": "as many keys as it is asked about, which is few",
    "KeyIndex.compactStep": "a step's worth of keys, each found by halving",
    "KeyIndex.check": "only tests call it",
    indexIn: "one leaf",
    "KeyWalk.#settle": "no leaf is empty, so the next one is the last that is looked at",
  },
  "mvcc/index/key-table.ts": {
    "*": "one segment of 512 slots, or the directory of segments when it doubles; `expect` comes early in a restore",
  },
  "mvcc/index/order-tree.ts": {
    "OrderTree.check": "only tests call it",
    "OrderTree.#checkNode": "only tests call it",
    "OrderTree.rank": "the way from the root to a leaf",
    "OrderTree.seek": "the way from the root to a leaf",
    "OrderTree.#descend": "the way from the root to a leaf",
    "OrderTree.#addToCounts": "the way from a leaf to the root",
    "OrderTree.#insertAbove": "the way from a leaf to the root",
    "OrderTree.#removeFromParent": "one node",
  },
  "mvcc/index/revision-history.ts": {
    "*": "a chain of at most 48 revisions, or a list of a key's revisions: searched by halving, visited as far as the visitor wants",
  },
  "mvcc/index/revision-list.ts": { "*": "a search by halving" },
  "mvcc/index/sort-ids.ts": {
    "*": "a run of ids, or at most 2,048 of them; more are sorted by generators",
  },
  "mvcc/index/tree-node.ts": { "*": "one node" },
  "mvcc/txn/check.ts": { "*": "operations of one request, which has at most 1.5 MiB" },
  "mvcc/txn/erasures.ts": { "*": "operations of one request" },
  "mvcc/txn/execute.ts": {
    isPlain: "at most eight operations",
    areOfOneKey: "at most eight operations",
    executePlainTxn: "at most eight operations",
    decidePlain: "at most eight operations",
    readPlain: "at most eight operations",
    lowestRevision: "operations of one request",
    checkPath: "operations of one request",
    isInParts: "operations of one request",
  },
  "mvcc/txn/interval-set.ts": { "*": "operations of one request" },
  "mvcc/txn/overlap.ts": { "*": "operations of one request" },
  "mvcc/txn/poison.ts": { "*": "operations of one request" },
  "mvcc/txn/response-text.ts": { "*": "only tests call it" },
};
