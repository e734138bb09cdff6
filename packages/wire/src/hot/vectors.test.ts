import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { encode } from "../codec.ts";
import { LeaseSchema } from "../gen/leasepb_pb.js";
import {
  decodeEntry,
  decodeInternalRequest,
  decodeKeyValue,
  decodeMessage,
  decodeSnapshot,
  decodeSnapshotFile,
  decodeWalMetadata,
  decodeWalRecord,
  decodeWalSnapshot,
  decodeWatchRequest,
  EMPTY,
  encodeConfState,
  encodeEntry,
  encodeEvent,
  encodeHardState,
  encodeInnerHeader,
  encodeInternalRequest,
  encodeKeyValue,
  encodeMessage,
  encodePutRequest,
  encodeSnapshot,
  encodeSnapshotFile,
  encodeTombstone,
  encodeWalMetadata,
  encodeWalRecord,
  encodeWalSnapshot,
  encodeWatchResponse,
  HeaderEncoder,
  keyValueLease,
  type RaftMessage,
  WireError,
} from "./index.ts";

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const bytes = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));
const hexOf = (value: Uint8Array): string => Buffer.from(value).toString("hex");
const plain = (hex: string): string => hex.replaceAll(" ", "");

const put = encodePutRequest({
  key: text("foo"),
  value: text("bar"),
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
});

const noMessage: RaftMessage = {
  type: 0,
  to: 0n,
  from: 0n,
  term: 0,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  snapshot: undefined,
  reject: false,
  rejectHint: 0,
  context: undefined,
  vote: 0n,
  responses: [],
};
const entryX = { type: 0, term: 1, index: 12, data: text("x") } as const;
const header = new HeaderEncoder(1n, 2n);
const onlyVoter16 = { voters: [16n], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

suite("bytes written are etcd's", () => {
  const cases: { name: string; written: Uint8Array; hex: string }[] = [
    {
      name: "a key's first version",
      written: encodeKeyValue(text("foo"), 2, 2, 1, text("bar"), 0n),
      hex: "0a03666f6f1002180220012a03626172",
    },
    {
      name: "an empty value",
      written: encodeKeyValue(text("foo"), 2, 300, 2, EMPTY, 0n),
      hex: "0a03666f6f100218ac022002",
    },
    {
      name: "a key with a lease",
      written: encodeKeyValue(text("k"), 2, 3, 2, text("v"), 7587862094969268746n),
      hex: "0a016b1002180320022a0176308ad4adbaf88be0a669",
    },
    {
      name: "a key with a negative lease",
      written: encodeKeyValue(text("k"), 1, 1, 1, text("v"), -1n),
      hex: "0a016b1001180120012a017630ffffffffffffffffff01",
    },
    { name: "a tombstone", written: encodeTombstone(text("a")), hex: "0a0161" },
    {
      name: "a put in the log",
      written: encodeInternalRequest(4, put, 0x0102030405060708n, "", 0),
      hex: "220a0a03666f6f1203626172 a2060a08888e98a8c0e0808101",
    },
    {
      name: "an operation without content in the log",
      written: encodeInternalRequest(1013, EMPTY, 1n, "root", 7),
      hex: "a2060a 0801 1204726f6f74 1807 aa3f00",
    },
    { name: "a header", written: header.encode(6, 3), hex: "08 01 10 02 18 06 20 03" },
    { name: "a header without revision", written: header.encode(0, 3), hex: "08 01 10 02 20 03" },
    { name: "an inner header", written: encodeInnerHeader(300), hex: "18 ac 02" },
    { name: "an inner header of revision 0", written: encodeInnerHeader(0), hex: "" },
    {
      name: "a created watch",
      written: encodeWatchResponse(header.encode(6, 3), 0n, true, false, 0, "", false, []),
      hex: "0a 08 08 01 10 02 18 06 20 03 18 01",
    },
    {
      name: "a progress response",
      written: encodeWatchResponse(header.encode(6, 3), -1n, false, false, 0, "", false, []),
      hex: "0a 08 08 01 10 02 18 06 20 03 10 ff ff ff ff ff ff ff ff ff 01",
    },
    {
      name: "a watch canceled by compaction",
      written: encodeWatchResponse(header.encode(0, 3), 5n, false, true, 4, "", false, []),
      hex: "0a 06 08 01 10 02 20 03 10 05 20 01 28 04",
    },
    {
      name: "a put event in a watch response",
      written: encodeWatchResponse(header.encode(2, 3), 0n, false, false, 0, "", false, [
        encodeEvent(false, encodeKeyValue(text("foo"), 2, 2, 1, text("bar"), 0n), undefined),
      ]),
      hex: "0a0808011002180220035a1212100a03666f6f1002180220012a03626172",
    },
    {
      name: "a deletion in a watch response",
      written: encodeWatchResponse(header.encode(3, 3), 0n, false, false, 0, "", false, [
        encodeEvent(true, encodeKeyValue(text("foo"), 0, 3, 0, EMPTY, 0n), undefined),
      ]),
      hex: "0a0808011002180320035a0b080112070a03666f6f1803",
    },
    {
      name: "a refused watch",
      written: encodeWatchResponse(
        header.encode(6, 3),
        -1n,
        true,
        true,
        0,
        "mvcc: watcher range is empty",
        false,
        [],
      ),
      hex: `0a08080110021806200310ffffffffffffffffff0118012001321c${hexOf(text("mvcc: watcher range is empty"))}`,
    },
    { name: "an entry", written: encodeEntry(entryX), hex: "10 01 18 0c 22 01 78" },
    {
      name: "a new leader's empty entry",
      written: encodeEntry({ type: 0, term: 1, index: 11, data: EMPTY }),
      hex: "10 01 18 0b",
    },
    {
      name: "an entry that leaves a joint configuration",
      written: encodeEntry({ type: 2, term: 1, index: 5, data: EMPTY }),
      hex: "08 02 10 01 18 05",
    },
    {
      name: "the entry of a refused configuration change",
      written: encodeEntry({ type: 0, term: 1, index: 5, data: EMPTY, typeIsExplicit: true }),
      hex: "08 00 10 01 18 05",
    },
    {
      name: "MsgApp",
      written: encodeMessage({
        ...noMessage,
        ...{ type: 3, to: 2n, from: 1n, term: 1, logTerm: 1, index: 11, entries: [entryX], commit: 11 },
      }),
      hex: "08 03 10 02 18 01 20 01 28 01 30 0b 3a 07 10 01 18 0c 22 01 78 40 0b",
    },
    {
      name: "MsgHeartbeat with commit 0",
      written: encodeMessage({ ...noMessage, type: 8, to: 2n, from: 1n, term: 1 }),
      hex: "08 08 10 02 18 01 20 01 40 00",
    },
    {
      name: "MsgHeartbeat with a read counter",
      written: encodeMessage({
        ...noMessage,
        ...{ type: 8, to: 2n, from: 1n, term: 1, commit: 7, context: bytes("0300000000000000") },
      }),
      hex: "08 08 10 02 18 01 20 01 40 07 62 08 03 00 00 00 00 00 00 00",
    },
    {
      name: "an accepting MsgAppResp",
      written: encodeMessage({ ...noMessage, type: 4, to: 1n, from: 2n, term: 1, index: 12 }),
      hex: "08 04 10 01 18 02 20 01 30 0c",
    },
    {
      name: "a rejecting MsgAppResp",
      written: encodeMessage({
        ...noMessage,
        ...{ type: 4, to: 1n, from: 2n, term: 1, logTerm: 1, index: 12, reject: true, rejectHint: 11 },
      }),
      hex: "08 04 10 01 18 02 20 01 28 01 30 0c 50 01 58 0b",
    },
    {
      name: "MsgVote of a transfer",
      written: encodeMessage({
        ...noMessage,
        ...{ type: 5, to: 2n, from: 1n, term: 2, logTerm: 1, index: 11, context: text("CampaignTransfer") },
      }),
      hex: `08 05 10 02 18 01 20 02 28 01 30 0b 62 10 ${hexOf(text("CampaignTransfer"))}`,
    },
    {
      name: "a hard state with its zeros",
      written: encodeHardState({ term: 1, vote: 0n, commit: 0 }),
      hex: "08 01 10 00 18 00",
    },
    {
      name: "a configuration, ids unpacked",
      written: encodeConfState({
        ...onlyVoter16,
        voters: [1n, 2n],
        learners: [2n ** 64n - 1n],
        autoLeave: true,
      }),
      hex: "08 01 08 02 10 ff ff ff ff ff ff ff ff ff 01 28 01",
    },
    {
      name: "a snapshot file",
      written: encodeSnapshotFile(
        0xa6b75357,
        encodeSnapshot({ data: text("{}"), metadata: { confState: onlyVoter16, index: 5, term: 2 } }),
      ),
      hex: "08d7a6ddb50a120e0a027b7d12080a02081010051802",
    },
    {
      name: "a snapshot record of the log",
      written: encodeWalSnapshot({ index: 5, term: 2, confState: onlyVoter16 }),
      hex: "080510021a020810",
    },
    {
      name: "the snapshot record of a new log",
      written: encodeWalSnapshot({ index: 0, term: 0, confState: undefined }),
      hex: "08001000",
    },
    {
      name: "a crc record of the log",
      written: encodeWalRecord({ type: 4, crc: 0, data: undefined }),
      hex: "08041000",
    },
    {
      name: "a metadata record of the log",
      written: encodeWalRecord({
        type: 1,
        crc: 0xd1f92af4,
        data: encodeWalMetadata({ nodeId: 16n, clusterId: 32n }),
      }),
      hex: "080110f4d5e48f0d1a0408101020",
    },
    { name: "a lease", written: encode(LeaseSchema, { ID: 1n, TTL: 10n }), hex: "08 01 10 0a" },
    {
      name: "a checkpointed lease",
      written: encode(LeaseSchema, { ID: 7n, TTL: 300n, RemainingTTL: 290n }),
      hex: "08 07 10 ac 02 18 a2 02",
    },
    {
      name: "a lease with a negative id",
      written: encode(LeaseSchema, { ID: -1n, TTL: 2n }),
      hex: "08 ff ff ff ff ff ff ff ff ff 01 10 02",
    },
    {
      name: "the lease with the largest id",
      written: encode(LeaseSchema, { ID: 2n ** 63n - 1n, TTL: 9_000_000_000n }),
      hex: "08 ff ff ff ff ff ff ff ff 7f 10 80 b4 c4 c3 21",
    },
    {
      name: "the lease with the smallest id",
      written: encode(LeaseSchema, { ID: -(2n ** 63n), TTL: 300n }),
      hex: "08 80 80 80 80 80 80 80 80 80 01 10 ac 02",
    },
  ];
  for (const { name, written, hex } of cases) {
    test(name, () => assert.equal(hexOf(written), plain(hex)));
  }

  const tags: [number, string][] = [
    ...([3, 4, 5, 6, 7, 8, 9, 10, 11] as const).map((field): [number, string] => [
      field,
      hexOf(Uint8Array.of(field * 8 + 2)),
    ]),
    [1000, "c23e"],
    [1011, "9a3f"],
    [1012, "a23f"],
    [1013, "aa3f"],
    [1100, "e244"],
    [1107, "9a45"],
    [1200, "824b"],
    [1204, "a24b"],
    [1300, "a251"],
    [1301, "aa51"],
    [1302, "b251"],
    [9900, "e2ea04"],
  ];
  for (const [field, tag] of tags) {
    test(`operation ${field} has the tag ${tag} and is found by it`, () => {
      const written = encodeInternalRequest(field, text("?"), 5n, "", 0);
      assert.ok(hexOf(written).includes(`${tag}013f`));
      assert.deepEqual(decodeInternalRequest(written), {
        id: 5n,
        username: "",
        authRevision: 0,
        field,
        body: text("?"),
      });
    });
  }
});

suite("bytes of older members and other encoders are understood", () => {
  test("an entry with all scalars written", () => {
    assert.deepEqual(decodeEntry(bytes("08 00 10 01 18 0c 22 01 78")), entryX);
  });
  test("an entry's missing data is the constant that the caller gave", () => {
    const noData = new Uint8Array(0);
    assert.equal(decodeEntry(bytes("10 01 18 0b"), 0, 4, noData).data, noData);
    assert.equal(decodeEntry(bytes("10 01 18 0b 22 00"), 0, 6, noData).data, noData);
  });
  test("a message with an empty snapshot on it and fields out of order", () => {
    const message = decodeMessage(
      bytes("40 07 4a 08 12 06 0a 00 10 00 18 00 08 08 18 01 10 02 50 00 58 00 20 01"),
    );
    assert.deepEqual(
      { ...message, snapshot: message.snapshot?.metadata.index },
      { ...noMessage, type: 8, to: 2n, from: 1n, term: 1, commit: 7, snapshot: 0 },
    );
  });
  test("packed ids of a configuration", () => {
    const snapshot = decodeSnapshot(bytes("12 0d 0a 07 0a 03 01 02 03 10 04 10 05 18 02"));
    assert.deepEqual(snapshot.metadata, {
      confState: { ...onlyVoter16, voters: [1n, 2n, 3n], learners: [4n] },
      index: 5,
      term: 2,
    });
  });
  test("a configuration in two pieces is one", () => {
    const snapshot = decodeSnapshot(bytes("12 04 0a 02 08 01 12 08 10 05 0a 02 08 02 18 07"));
    assert.deepEqual(snapshot.metadata.confState.voters, [1n, 2n]);
    assert.equal(snapshot.metadata.index, 5);
    assert.equal(snapshot.metadata.term, 7);
  });
  test("a snapshot file and the records of a log", () => {
    assert.deepEqual(decodeSnapshotFile(bytes("08d7a6ddb50a 1201ff")), {
      crc: 0xa6b75357,
      data: bytes("ff"),
    });
    assert.deepEqual(decodeSnapshotFile(EMPTY), { crc: undefined, data: undefined });
    assert.deepEqual(decodeWalRecord(bytes("08041000")), { type: 4, crc: 0, data: undefined });
    assert.deepEqual(decodeWalSnapshot(bytes("080510021a020810")), {
      index: 5,
      term: 2,
      confState: onlyVoter16,
    });
    assert.deepEqual(decodeWalMetadata(bytes("08101020")), { nodeId: 16n, clusterId: 32n });
  });
  test("an id in field 1 counts more than that of the header", () => {
    const request = decodeInternalRequest(bytes("a20602 0805 0807 1a00"));
    assert.equal(request.id, 7n);
    assert.equal(request.field, 3);
  });
  test("of several operations the one that apply asks for first counts", () => {
    assert.equal(decodeInternalRequest(bytes("2201ff 1a01ee a25101dd 3201cc")).field, 1300);
    assert.equal(decodeInternalRequest(bytes("5201ff 5a01ee")).field, 11);
    assert.equal(decodeInternalRequest(bytes("2201ff 1a01ee 220100")).field, 3);
  });
  test("an operation in two pieces is one", () => {
    assert.deepEqual(decodeInternalRequest(bytes("22020a00 22021200")).body, bytes("0a001200"));
    assert.throws(() => decodeInternalRequest(bytes("22010a 220100")), WireError);
  });
  test("an unknown operation and the refused v2 one are none", () => {
    assert.equal(decodeInternalRequest(bytes("1201ff a27d01ee")).field, 0);
  });
});

suite("watch requests", () => {
  const noCreate = { key: EMPTY, rangeEnd: EMPTY, startRevision: 0, progressNotify: false, filters: [] };
  const create = { ...noCreate, prevKv: false, watchId: 0n, fragment: false };
  const cases = [
    {
      hex: "0a 08 0a 03 66 6f 6f 12 01 00",
      want: { kind: 1, create: { ...create, key: text("foo"), rangeEnd: bytes("00") } },
    },
    { hex: "12 00", want: { kind: 2, watchId: 0n } },
    { hex: "12 02 08 07", want: { kind: 2, watchId: 7n } },
    { hex: "1a 00", want: { kind: 3 } },
    { hex: "", want: { kind: 0 } },
    { hex: "22 00", want: { kind: 0 } },
    { hex: "0a 04 2a 02 00 01", want: { kind: 1, create: { ...create, filters: [0, 1] } } },
    { hex: "0a 04 28 01 28 00", want: { kind: 1, create: { ...create, filters: [1, 0] } } },
    { hex: "0a 02 28 01 12 02 08 05", want: { kind: 2, watchId: 5n } },
    {
      hex: "0a 02 28 01 0a 02 18 05",
      want: { kind: 1, create: { ...create, filters: [1], startRevision: 5 } },
    },
  ];
  for (const { hex, want } of cases) {
    test(`"${hex}"`, () => assert.deepEqual(decodeWatchRequest(bytes(hex)), want));
  }
});

test("a record's lease is read without the rest", () => {
  assert.equal(keyValueLease(encodeKeyValue(text("k"), 1, 1, 1, text("v"), -5n)), -5n);
  assert.equal(keyValueLease(encodeTombstone(text("k"))), 0n);
});

test("revisions beyond 2^53 in a record are refused", () => {
  assert.throws(() => decodeKeyValue(bytes("0a0161 10 8080808080808010")), WireError);
});

test("entries and messages of unknown types are refused", () => {
  assert.throws(() => decodeEntry(bytes("08 03")), WireError);
  assert.throws(() => decodeEntry(bytes("08 ff ff ff ff ff ff ff ff ff 01")), WireError);
  assert.throws(() => decodeMessage(bytes("08 18")), WireError);
});

test("a header is encoded once while revision and term stay", () => {
  const encoder = new HeaderEncoder(2n ** 64n - 1n, 2n ** 63n);
  const first = encoder.encode(5, 1);
  assert.equal(encoder.encode(5, 1), first);
  assert.equal(hexOf(first), plain("08 ffffffffffffffffff01 10 80808080808080808001 18 05 20 01"));
  assert.notEqual(encoder.encode(6, 1), first);
});
