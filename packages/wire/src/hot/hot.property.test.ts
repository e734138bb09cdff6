import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { fc } from "@quorate/testkit/property";
import { decode, encode } from "../codec.ts";
import {
  DeleteRangeRequestSchema,
  DeleteRangeResponseSchema,
  InternalRaftRequestSchema,
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveResponseSchema,
  type Compare as LibraryCompare,
  type RequestOp as LibraryRequestOp,
  MetadataSchema,
  PutRequestSchema,
  PutResponseSchema,
  RangeRequestSchema,
  RangeResponseSchema,
  RangeStreamResponseSchema,
  TxnRequestSchema,
  TxnResponseSchema,
  WatchRequestSchema,
  WatchResponseSchema,
} from "../gen/etcdserverpb_pb.js";
import { LeaseInternalResponseSchema, LeaseSchema } from "../gen/leasepb_pb.js";
import { EventSchema, KeyValueSchema } from "../gen/mvccpb_pb.js";
import {
  ConfStateSchema,
  EntrySchema,
  HardStateSchema,
  type ConfState as LibraryConfState,
  type Entry as LibraryEntry,
  type Message as LibraryMessage,
  type Snapshot as LibrarySnapshot,
  MessageSchema,
  SnapshotSchema,
} from "../gen/raftpb_pb.js";
import { RecordSchema, SnapshotSchema as WalSnapshotSchema } from "../gen/walpb_pb.js";
import * as hot from "./index.ts";

/*
 * The library is the reference: what it makes of some bytes, the hot codec has to make of them, and what it refuses, the
 * hot codec has to refuse. The differences meant are those of the shapes: integers from clients saturate at 2^53 - 1,
 * from disk or peers they are refused beyond it; raft's message and entry types are refused when unknown (the library
 * takes them for unset); transactions may be nested less deeply.
 */

const MAX = BigInt(Number.MAX_SAFE_INTEGER);

function saturated(value: bigint): number {
  if (value > MAX) return Number(MAX);
  return value < -MAX ? Number(-MAX) : Number(value);
}

class Unsafe extends Error {}

function exact(value: bigint): number {
  if (value > MAX || value < -MAX) throw new Unsafe();
  return Number(value);
}

function known<Type extends number>(value: number, last: Type): Type {
  if (value < 0 || value > last) throw new Unsafe();
  return value as Type;
}

type Range = MessageShape<typeof RangeRequestSchema>;
type Put = MessageShape<typeof PutRequestSchema>;
type DeleteRange = MessageShape<typeof DeleteRangeRequestSchema>;
type Txn = MessageShape<typeof TxnRequestSchema>;

const toRange = (m: Range): hot.RangeRequest => ({
  key: m.key,
  rangeEnd: m.rangeEnd,
  limit: saturated(m.limit),
  revision: saturated(m.revision),
  sortOrder: m.sortOrder,
  sortTarget: m.sortTarget,
  serializable: m.serializable,
  keysOnly: m.keysOnly,
  countOnly: m.countOnly,
  minModRevision: saturated(m.minModRevision),
  maxModRevision: saturated(m.maxModRevision),
  minCreateRevision: saturated(m.minCreateRevision),
  maxCreateRevision: saturated(m.maxCreateRevision),
});

const toPut = (m: Put): hot.PutRequest => ({
  key: m.key,
  value: m.value,
  lease: m.lease,
  prevKv: m.prevKv,
  ignoreValue: m.ignoreValue,
  ignoreLease: m.ignoreLease,
});

const toDeleteRange = (m: DeleteRange): hot.DeleteRangeRequest => ({
  key: m.key,
  rangeEnd: m.rangeEnd,
  prevKv: m.prevKv,
});

function toCompare(m: LibraryCompare): hot.Compare {
  const { result, target, key, rangeEnd, targetUnion } = m;
  const compare: hot.Compare = {
    result,
    target,
    key,
    rangeEnd,
    operand: 0,
    number: 0,
    value: hot.EMPTY,
    lease: 0n,
  };
  switch (targetUnion.case) {
    case "version":
      return { ...compare, operand: 4, number: saturated(targetUnion.value) };
    case "createRevision":
      return { ...compare, operand: 5, number: saturated(targetUnion.value) };
    case "modRevision":
      return { ...compare, operand: 6, number: saturated(targetUnion.value) };
    case "value":
      return { ...compare, operand: 7, value: targetUnion.value };
    case "lease":
      return { ...compare, operand: 8, lease: targetUnion.value };
    default:
      return compare;
  }
}

function toRequestOp({ request }: LibraryRequestOp): hot.RequestOp {
  switch (request.case) {
    case "requestRange":
      return { kind: 1, range: toRange(request.value) };
    case "requestPut":
      return { kind: 2, put: toPut(request.value) };
    case "requestDeleteRange":
      return { kind: 3, deleteRange: toDeleteRange(request.value) };
    case "requestTxn":
      return { kind: 4, txn: toTxn(request.value) };
    default:
      return { kind: 0 };
  }
}

const toTxn = (m: Txn): hot.TxnRequest => ({
  compare: m.compare.map(toCompare),
  success: m.success.map(toRequestOp),
  failure: m.failure.map(toRequestOp),
});

function toWatch({ requestUnion }: MessageShape<typeof WatchRequestSchema>): hot.WatchRequest {
  switch (requestUnion.case) {
    case "createRequest": {
      const m = requestUnion.value;
      return {
        kind: 1,
        create: {
          key: m.key,
          rangeEnd: m.rangeEnd,
          startRevision: saturated(m.startRevision),
          progressNotify: m.progressNotify,
          filters: m.filters,
          prevKv: m.prevKv,
          watchId: m.watchId,
          fragment: m.fragment,
        },
      };
    }
    case "cancelRequest":
      return { kind: 2, watchId: requestUnion.value.watchId };
    case "progressRequest":
      return { kind: 3 };
    default:
      return { kind: 0 };
  }
}

const toKeyValue = (m: MessageShape<typeof KeyValueSchema>): hot.KeyValue => ({
  key: m.key,
  createRevision: exact(m.createRevision),
  modRevision: exact(m.modRevision),
  version: exact(m.version),
  value: m.value,
  lease: m.lease,
});

const toEntry = (m: LibraryEntry): hot.RaftEntry => ({
  type: known(m.Type, 2),
  term: exact(m.Term),
  index: exact(m.Index),
  data: m.Data,
});

const toHardState = (m: MessageShape<typeof HardStateSchema>): hot.RaftHardState => ({
  term: exact(m.term),
  vote: m.vote,
  commit: exact(m.commit),
});

const toConfState = (m: LibraryConfState | undefined): hot.RaftConfState => ({
  voters: m?.voters ?? [],
  learners: m?.learners ?? [],
  votersOutgoing: m?.votersOutgoing ?? [],
  learnersNext: m?.learnersNext ?? [],
  autoLeave: m?.autoLeave ?? false,
});

const toSnapshot = (m: LibrarySnapshot): hot.RaftSnapshot => ({
  data: m.data,
  metadata: {
    confState: toConfState(m.metadata?.confState),
    index: exact(m.metadata?.index ?? 0n),
    term: exact(m.metadata?.term ?? 0n),
  },
});

const toMessage = (m: LibraryMessage): hot.RaftMessage => ({
  type: known(m.type, 23) as hot.RaftMessageType,
  to: m.to,
  from: m.from,
  term: exact(m.term),
  logTerm: exact(m.logTerm),
  index: exact(m.index),
  entries: m.entries.map(toEntry),
  commit: exact(m.commit),
  snapshot: m.snapshot === undefined ? undefined : toSnapshot(m.snapshot),
  reject: m.reject,
  rejectHint: exact(m.rejectHint),
  context: Object.hasOwn(m, "context") ? m.context : undefined,
  vote: m.vote,
  responses: m.responses.map(toMessage),
});

// Arbitrary messages, as initialisers for the library.

const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 12 }),
  fc.uint8Array({ minLength: 120, maxLength: 300 }),
  fc.constant(new Uint8Array(3000)),
);
const anyInt64 = fc.oneof(
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -2n, max: 300n }),
  fc.constantFrom(MAX, MAX + 1n, -MAX, -MAX - 1n, 0n),
);
const anySafe = fc.oneof(fc.bigInt({ min: 0n, max: MAX }), fc.bigInt({ min: 0n, max: 300n }));
const anyUint64 = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 0n, max: 300n }));
const anyEnum = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }));

const anyRange = fc.record({
  key: anyBytes,
  rangeEnd: anyBytes,
  limit: anyInt64,
  revision: anyInt64,
  sortOrder: anyEnum,
  sortTarget: anyEnum,
  serializable: fc.boolean(),
  keysOnly: fc.boolean(),
  countOnly: fc.boolean(),
  minModRevision: anyInt64,
  maxModRevision: anyInt64,
  minCreateRevision: anyInt64,
  maxCreateRevision: anyInt64,
});
const anyPut = fc.record({
  key: anyBytes,
  value: anyBytes,
  lease: anyInt64,
  prevKv: fc.boolean(),
  ignoreValue: fc.boolean(),
  ignoreLease: fc.boolean(),
});
const anyDeleteRange = fc.record({ key: anyBytes, rangeEnd: anyBytes, prevKv: fc.boolean() });
const oneofCase = <Case extends string, Value>(name: Case, value: fc.Arbitrary<Value>) =>
  value.map((v) => ({ case: name, value: v }));
const anyCompare = fc.record({
  result: anyEnum,
  target: anyEnum,
  key: anyBytes,
  rangeEnd: anyBytes,
  targetUnion: fc.oneof(
    fc.constant({ case: undefined }),
    oneofCase("version", anyInt64),
    oneofCase("createRevision", anyInt64),
    oneofCase("modRevision", anyInt64),
    oneofCase("value", anyBytes),
    oneofCase("lease", anyInt64),
  ),
});
const txnOf = <Op>(anyOp: fc.Arbitrary<Op>) =>
  fc.record({
    compare: fc.array(anyCompare, { maxLength: 2 }),
    success: fc.array(anyOp, { maxLength: 3 }),
    failure: fc.array(anyOp, { maxLength: 2 }),
  });
const anyLeafOp = fc.record({
  request: fc.oneof(
    fc.constant({ case: undefined }),
    oneofCase("requestRange", anyRange),
    oneofCase("requestPut", anyPut),
    oneofCase("requestDeleteRange", anyDeleteRange),
  ),
});
const anyNestedOp = fc.record({ request: oneofCase("requestTxn", txnOf(anyLeafOp)) });
const anyTxn = txnOf(fc.oneof(anyLeafOp, anyNestedOp));
const anyWatch = fc.record({
  requestUnion: fc.oneof(
    fc.constant({ case: undefined }),
    oneofCase(
      "createRequest",
      fc.record({
        key: anyBytes,
        rangeEnd: anyBytes,
        startRevision: anyInt64,
        progressNotify: fc.boolean(),
        filters: fc.array(anyEnum, { maxLength: 4 }),
        prevKv: fc.boolean(),
        watchId: anyInt64,
        fragment: fc.boolean(),
      }),
    ),
    oneofCase("cancelRequest", fc.record({ watchId: anyInt64 })),
    oneofCase("progressRequest", fc.record({})),
  ),
});
const anyKeyValue = fc.record({
  key: anyBytes,
  createRevision: anySafe,
  modRevision: anySafe,
  version: anySafe,
  value: anyBytes,
  lease: anyInt64,
});
const anyEntry = fc.record({
  Type: fc.integer({ min: 0, max: 2 }),
  Term: anySafe,
  Index: anySafe,
  Data: anyBytes,
});
const anyHardState = fc.record({ term: anySafe, vote: anyUint64, commit: anySafe });
const anyIds = fc.array(anyUint64, { maxLength: 3 });
const anyConfState = fc.record({
  voters: anyIds,
  learners: anyIds,
  votersOutgoing: anyIds,
  learnersNext: anyIds,
  autoLeave: fc.boolean(),
});
const anySnapshot = fc.record({
  data: anyBytes,
  metadata: fc.record({ confState: anyConfState, index: anySafe, term: anySafe }),
});
const messageFields = {
  type: fc.integer({ min: 0, max: 23 }),
  to: anyUint64,
  from: anyUint64,
  term: anySafe,
  logTerm: anySafe,
  index: anySafe,
  entries: fc.array(anyEntry, { maxLength: 3 }),
  commit: anySafe,
  snapshot: anySnapshot,
  reject: fc.boolean(),
  rejectHint: anySafe,
  context: anyBytes,
  vote: anyUint64,
};
const anyMessage = fc.record(
  {
    ...messageFields,
    responses: fc.array(fc.record(messageFields, { requiredKeys: ["type"] }), { maxLength: 2 }),
  },
  { requiredKeys: ["type"] },
);
const anyWalRecord = fc.record(
  { type: anySafe, crc: fc.integer({ min: 0, max: 2 ** 32 - 1 }), data: anyBytes },
  { requiredKeys: ["type", "crc"] },
);
const anyWalSnapshot = fc.record(
  { index: anySafe, term: anySafe, confState: anyConfState },
  { requiredKeys: ["index", "term"] },
);
const anyMetadata = fc.record({ NodeID: anyUint64, ClusterID: anyUint64 });

/** Ties a hot codec to the library's view of the same message, with the types of both kept apart from each other. */
interface Subject {
  name: string;
  /** Bytes of an arbitrary message, written by the library. */
  anyEncoded: fc.Arbitrary<Uint8Array>;
  decodeHot(bytes: Uint8Array): unknown;
  /** What `decodeHot` should return. Throws Unsafe for what only the hot codec refuses. */
  decodeLibrary(bytes: Uint8Array): unknown;
  /** Decoded and encoded again by the hot codec. */
  recode?(bytes: Uint8Array): Uint8Array;
  recodeLibrary(bytes: Uint8Array): Uint8Array;
}

function subject<Schema extends DescMessage, Init extends Parameters<typeof encode<Schema>>[1], Shape>(
  schema: Schema,
  anyInit: fc.Arbitrary<Init>,
  decodeHot: (bytes: Uint8Array, start: number, end: number) => Shape,
  toHot: (message: MessageShape<Schema>) => Shape,
  encodeHot?: (message: Shape) => Uint8Array,
): Subject {
  // Decoded from the middle of a larger buffer, so that a read beyond the end is seen.
  const decodePart = (bytes: Uint8Array): Shape => {
    const buf = new Uint8Array(bytes.length + 20).fill(0x08);
    buf.set(bytes, 3);
    return decodeHot(buf, 3, 3 + bytes.length);
  };
  return {
    name: schema.typeName,
    anyEncoded: anyInit.map((init) => encode(schema, init)),
    decodeHot: decodePart,
    decodeLibrary: (bytes) => toHot(decode(schema, bytes)),
    ...(encodeHot === undefined ? {} : { recode: (bytes) => encodeHot(decodePart(bytes)) }),
    recodeLibrary: (bytes) => toBinary(schema, decode(schema, bytes)),
  };
}

const encodeRecord = (m: hot.KeyValue): Uint8Array =>
  hot.encodeKeyValue(m.key, m.createRevision, m.modRevision, m.version, m.value, m.lease);
const whole =
  <Shape>(decodeWhole: (bytes: Uint8Array) => Shape) =>
  (buf: Uint8Array, start: number, end: number): Shape =>
    decodeWhole(buf.subarray(start, end));

const subjects: Subject[] = [
  subject(RangeRequestSchema, anyRange, hot.decodeRangeRequest, toRange, hot.encodeRangeRequest),
  subject(PutRequestSchema, anyPut, hot.decodePutRequest, toPut, hot.encodePutRequest),
  subject(
    DeleteRangeRequestSchema,
    anyDeleteRange,
    hot.decodeDeleteRangeRequest,
    toDeleteRange,
    hot.encodeDeleteRangeRequest,
  ),
  subject(TxnRequestSchema, anyTxn, hot.decodeTxnRequest, toTxn, hot.encodeTxnRequest),
  subject(WatchRequestSchema, anyWatch, hot.decodeWatchRequest, toWatch),
  subject(
    LeaseGrantRequestSchema,
    fc.record({ ID: anyInt64, TTL: anyInt64 }),
    hot.decodeLeaseGrantRequest,
    (m): hot.LeaseTtl => ({ id: m.ID, ttlSeconds: saturated(m.TTL) }),
    ({ id, ttlSeconds }) => hot.encodeLeaseGrantRequest(id, ttlSeconds),
  ),
  subject(
    LeaseKeepAliveRequestSchema,
    fc.record({ ID: anyInt64 }),
    hot.decodeLeaseId,
    (m) => m.ID,
    hot.encodeLeaseId,
  ),
  subject(KeyValueSchema, anyKeyValue, whole(hot.decodeKeyValue), toKeyValue, encodeRecord),
  subject(EntrySchema, anyEntry, hot.decodeEntry, toEntry),
  subject(HardStateSchema, anyHardState, hot.decodeHardState, toHardState, hot.encodeHardState),
  subject(ConfStateSchema, anyConfState, hot.decodeConfState, toConfState),
  subject(SnapshotSchema, anySnapshot, hot.decodeSnapshot, toSnapshot),
  subject(MessageSchema, anyMessage, hot.decodeMessage, toMessage),
  { ...subject(MessageSchema, anyMessage, readMessage, toMessage), name: "raftpb.Message, in steps" },
  subject(
    RecordSchema,
    anyWalRecord,
    hot.decodeWalRecord,
    (m) => ({
      type: exact(m.type),
      crc: m.crc,
      data: Object.hasOwn(m, "data") ? m.data : undefined,
    }),
    hot.encodeWalRecord,
  ),
  subject(WalSnapshotSchema, anyWalSnapshot, hot.decodeWalSnapshot, (m) => ({
    index: exact(m.index),
    term: exact(m.term),
    confState: m.confState === undefined ? undefined : toConfState(m.confState),
  })),
  subject(
    MetadataSchema,
    anyMetadata,
    hot.decodeWalMetadata,
    (m) => ({ nodeId: m.NodeID, clusterId: m.ClusterID }),
    hot.encodeWalMetadata,
  ),
];

suite("the hot codecs read what the library wrote", () => {
  for (const { name, anyEncoded, decodeHot, decodeLibrary } of subjects) {
    test(name, () =>
      fc.assert(fc.property(anyEncoded, (bytes) => assert.deepEqual(decodeHot(bytes), decodeLibrary(bytes)))),
    );
  }
});

suite("the hot codecs write what the library writes", () => {
  for (const { name, anyEncoded, recode, decodeLibrary, recodeLibrary } of subjects) {
    if (recode === undefined) continue;
    test(name, () =>
      fc.assert(
        fc.property(anyEncoded, (bytes) => {
          const once = recode(bytes);
          assert.deepEqual(decodeLibrary(once), decodeLibrary(bytes));
          assert.deepEqual(once, recodeLibrary(once));
        }),
      ),
    );
  }

  test("raftpb.Entry, ConfState, Snapshot and Message keep their meaning", () =>
    fc.assert(
      fc.property(anyMessage, (init) => {
        const message = toMessage(decode(MessageSchema, encode(MessageSchema, init)));
        assert.deepEqual(hot.decodeMessage(hot.encodeMessage(message)), message);
        assert.deepEqual(toMessage(decode(MessageSchema, hot.encodeMessage(message))), message);
        for (const entry of message.entries) {
          assert.deepEqual(hot.decodeEntry(hot.encodeEntry(entry)), entry);
          assert.equal(hot.entrySize(entry), hot.encodeEntry(entry).length);
        }
        const { snapshot } = message;
        if (snapshot === undefined) return;
        const confState = snapshot.metadata.confState;
        assert.deepEqual(toSnapshot(decode(SnapshotSchema, hot.encodeSnapshot(snapshot))), snapshot);
        assert.deepEqual(toConfState(decode(ConfStateSchema, hot.encodeConfState(confState))), confState);
      }),
    ));
});

/** A field at a time. */
function readMessage(bytes: Uint8Array, start: number, end: number): hot.RaftMessage {
  const reader = new hot.MessageReader(bytes, start, end);
  while (reader.read(1));
  return reader.message;
}

interface Mutation {
  at: number;
  kind: "flip" | "insert" | "remove" | "repeat" | "cut";
  byte: number;
}
const anyMutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom("flip", "insert", "remove", "repeat", "cut"),
  byte: fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(0, 1, 2, 0x0a, 0x12, 0x7f, 0x80, 0xff, 0x0b, 0x0c),
  ),
});

function mutate(bytes: Uint8Array, { at, kind, byte }: Mutation): Uint8Array {
  const index = bytes.length === 0 ? 0 : at % bytes.length;
  const [head, tail] = [bytes.subarray(0, index), bytes.subarray(index)];
  switch (kind) {
    case "flip":
      return Uint8Array.from([...head, byte, ...tail.subarray(1)]);
    case "insert":
      return Uint8Array.from([...head, byte, ...tail]);
    case "remove":
      return Uint8Array.from([...head, ...tail.subarray(1 + (byte % 3))]);
    case "repeat":
      return Uint8Array.from([...bytes, ...bytes.subarray(0, byte)]);
    case "cut":
      return Uint8Array.from(head);
  }
}

/** Refusals of the hot codecs alone; of a field that occurs again, they also concern what is then replaced. */
const STRICTER = /beyond 2\^53|unknown (entry|message) type/;

function outcome(run: () => unknown): { value: unknown } | "refused" | "refused by hot only" {
  try {
    return { value: run() };
  } catch (error) {
    if (error instanceof Unsafe) return "refused by hot only";
    if (!(error instanceof hot.WireError)) throw error;
    return STRICTER.test(error.message) ? "refused by hot only" : "refused";
  }
}

function assertSameOutcome({ decodeHot, decodeLibrary }: Subject, bytes: Uint8Array): void {
  const got = outcome(() => decodeHot(bytes));
  const want = outcome(() => decodeLibrary(bytes));
  if (got === "refused by hot only") return;
  if (want === "refused by hot only") assert.fail("should have been refused");
  assert.deepEqual(got, want);
}

suite("hostile bytes are refused or read as the library reads them", () => {
  test("a member message that is cut off does not go on in its next occurrence", () => {
    // Twice a ConfState: 08 80 (a voter without its end) and 01, which together would be voter 128.
    const bytes = Uint8Array.of(0x1a, 2, 0x08, 0x80, 0x1a, 1, 0x01);
    assert.throws(() => hot.decodeWalSnapshot(bytes), hot.WireError);
    const whole = hot.decodeWalSnapshot(Uint8Array.of(0x1a, 2, 0x08, 1, 0x1a, 2, 0x08, 2));
    assert.deepEqual(whole.confState?.voters, [1n, 2n]);
  });

  const anyNoise = fc.array(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 0, max: 40 })), {
    maxLength: 30,
  });
  for (const subject of subjects) {
    test(`${subject.name}, mutated`, () =>
      fc.assert(
        fc.property(
          subject.anyEncoded,
          fc.array(anyMutation, { minLength: 1, maxLength: 3 }),
          (bytes, mutations) => assertSameOutcome(subject, mutations.reduce(mutate, bytes)),
        ),
        { numRuns: 300 },
      ));

    test(`${subject.name}, noise`, () =>
      fc.assert(
        fc.property(anyNoise, (noise) => assertSameOutcome(subject, Uint8Array.from(noise))),
        { numRuns: 300 },
      ));
  }

  test("a log entry's payload", () =>
    fc.assert(
      fc.property(
        anyPut,
        fc.string(),
        fc.array(anyMutation, { maxLength: 2 }),
        (put, username, mutations) => {
          const written = hot.encodeInternalRequest(4, encode(PutRequestSchema, put), 7n, username, 3);
          const hostile = mutations.reduce(mutate, written);
          const result = outcome(() => hot.decodeInternalRequest(hostile));
          if (mutations.length > 0) return;
          const library = decode(InternalRaftRequestSchema, written);
          assert.ok(typeof result === "object");
          const { body, ...rest } = result.value as hot.InternalRequest;
          // A lone surrogate cannot be written as UTF-8.
          assert.deepEqual(rest, { id: 7n, username: username.toWellFormed(), authRevision: 3, field: 4 });
          assert.deepEqual(hot.decodePutRequest(body), toPut(library.put!));
          assert.equal(library.header?.username, username.toWellFormed());
        },
      ),
    ));
});

suite("responses are what the library reads", () => {
  const anyHeader = fc.record({
    clusterId: anyUint64,
    memberId: anyUint64,
    revision: anySafe,
    raftTerm: anySafe,
  });
  type Header = { clusterId: bigint; memberId: bigint; revision: bigint; raftTerm: bigint };
  const headerBytes = (h: Header): Uint8Array =>
    new hot.HeaderEncoder(h.clusterId, h.memberId).encode(Number(h.revision), Number(h.raftTerm));
  const anyKvs = fc.array(anyKeyValue, { maxLength: 3 });
  const record = (kv: { key: Uint8Array }): Uint8Array => encode(KeyValueSchema, kv);

  test("PutResponse", () =>
    fc.assert(
      fc.property(anyHeader, fc.option(anyKeyValue, { nil: undefined }), (header, prevKv) => {
        const written = hot.encodePutResponse(headerBytes(header), prevKv && record(prevKv));
        assert.deepEqual(written, encode(PutResponseSchema, { header, ...(prevKv && { prevKv }) }));
      }),
    ));
  test("RangeResponse and RangeStreamResponse", () =>
    fc.assert(
      fc.property(anyHeader, anyKvs, fc.boolean(), anySafe, (header, kvs, more, count) => {
        const written = hot.encodeRangeResponse(headerBytes(header), kvs.map(record), more, Number(count));
        const rangeResponse = { header, kvs, more, count };
        assert.deepEqual(written, encode(RangeResponseSchema, rangeResponse));
        assert.deepEqual(
          hot.encodeRangeStreamResponse(written),
          encode(RangeStreamResponseSchema, { rangeResponse }),
        );
      }),
    ));
  test("DeleteRangeResponse", () =>
    fc.assert(
      fc.property(anyHeader, anySafe, anyKvs, (header, deleted, prevKvs) => {
        const written = hot.encodeDeleteRangeResponse(
          headerBytes(header),
          Number(deleted),
          prevKvs.map(record),
        );
        assert.deepEqual(written, encode(DeleteRangeResponseSchema, { header, deleted, prevKvs }));
      }),
    ));
  test("LeaseGrantResponse, LeaseKeepAliveResponse and LeaseRevokeResponse", () =>
    fc.assert(
      fc.property(anyHeader, anyInt64, anySafe, (header, ID, TTL) => {
        const written = hot.encodeLeaseTtl(headerBytes(header), ID, Number(TTL));
        assert.deepEqual(written, encode(LeaseGrantResponseSchema, { header, ID, TTL }));
        assert.deepEqual(written, encode(LeaseKeepAliveResponseSchema, { header, ID, TTL }));
        assert.deepEqual(hot.decodeLeaseKeepAliveResponse(written), { id: ID, ttlSeconds: Number(TTL) });
        const between = hot.encodeLeaseTtl(undefined, ID, Number(TTL));
        assert.deepEqual(between, encode(LeaseKeepAliveResponseSchema, { ID, TTL }));
        assert.deepEqual(
          hot.encodeLeaseRevokeResponse(headerBytes(header)),
          encode(LeaseRevokeResponseSchema, { header }),
        );
      }),
    ));
  test("Lease, and the key under which it is kept", () =>
    fc.assert(
      fc.property(anyInt64, anySafe, anySafe, (ID, TTL, RemainingTTL) => {
        const record = hot.encodeLeaseRecord(ID, Number(TTL), Number(RemainingTTL));
        assert.deepEqual(record, encode(LeaseSchema, { ID, TTL, RemainingTTL }));
        const key = Buffer.alloc(8);
        key.writeBigInt64BE(ID);
        assert.deepEqual(Buffer.from(hot.encodeLeaseKey(ID)), key);
      }),
    ));
  test("LeaseTimeToLiveResponse with its keys, and inside a LeaseInternalResponse", () =>
    fc.assert(
      fc.property(anyHeader, anySafe, fc.array(fc.uint8Array({ maxLength: 200 })), (header, TTL, keys) => {
        const whole = encode(LeaseTimeToLiveResponseSchema, { header, TTL, keys });
        const head = encode(LeaseTimeToLiveResponseSchema, { header, TTL });
        const writer = new hot.RecordsWriter(hot.RecordsTag.leaseKeys);
        for (const key of keys) {
          const at = writer.begin(key.length);
          writer.bytes.set(key, at);
        }
        const written = Buffer.concat([head, ...writer.finishRecords()]);
        assert.deepEqual(written, Buffer.from(whole));
        assert.deepEqual(
          Buffer.concat([hot.encodeLeaseInternalHead(written.length), written]),
          Buffer.from(
            encode(LeaseInternalResponseSchema, { LeaseTimeToLiveResponse: { header, TTL, keys } }),
          ),
        );
      }),
    ));
  test("LeaseInternalResponse is read a few fields at a time, as it is in one piece", () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            header: anyHeader,
            ID: anyInt64,
            TTL: anyInt64,
            grantedTTL: anyInt64,
            keys: fc.array(fc.uint8Array({ maxLength: 20 })),
          }),
          { maxLength: 2 },
        ),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(10),
        (inner, fields, cut) => {
          const parts = inner.map((each) =>
            encode(LeaseInternalResponseSchema, { LeaseTimeToLiveResponse: each }),
          );
          const unknown = Buffer.from("120361626320017a00", "hex");
          const whole = Buffer.concat([...parts, unknown]);
          for (const message of [whole, whole.subarray(0, Math.max(0, whole.length - cut))]) {
            const read = () => {
              const reader = new hot.LeaseInternalReader(message);
              while (reader.read(fields));
              return reader.status;
            };
            const wanted = () => {
              const response = decode(LeaseInternalResponseSchema, message).LeaseTimeToLiveResponse;
              if (response === undefined) return undefined;
              const { ID, TTL, grantedTTL, keys } = response;
              return {
                id: ID,
                ttlSeconds: TTL,
                grantedTtlSeconds: grantedTTL,
                keys: keys.map((key) => Buffer.from(key)),
              };
            };
            assert.deepEqual(
              outcomeOf(() => withKeys(read())),
              outcomeOf(wanted),
            );
          }
        },
      ),
    ));
  test("LeaseLeasesResponse in parts", () =>
    fc.assert(
      fc.property(anyHeader, fc.array(anyInt64), fc.nat(5), (header, ids, from) => {
        const first = Math.min(from, ids.length);
        const parts = [
          encode(LeaseLeasesResponseSchema, { header }),
          hot.encodeLeaseIds(ids, 0, first),
          hot.encodeLeaseIds(ids, first, ids.length),
        ];
        const whole = encode(LeaseLeasesResponseSchema, { header, leases: ids.map((ID) => ({ ID })) });
        assert.deepEqual(Buffer.concat(parts), Buffer.from(whole));
      }),
    ));
  test("TxnResponse", () =>
    fc.assert(
      fc.property(
        anyHeader,
        fc.boolean(),
        anySafe,
        fc.array(fc.integer({ min: 0, max: 4 })),
        (header, succeeded, revision, kinds) => {
          const inner = hot.encodeInnerHeader(Number(revision));
          const bodies = [
            hot.EMPTY,
            hot.encodeRangeResponse(inner, [], false, 3),
            hot.encodePutResponse(inner, undefined),
            hot.encodeDeleteRangeResponse(inner, 1, []),
            hot.encodeTxnResponse(inner, true, []),
          ];
          const written = hot.encodeTxnResponse(
            headerBytes(header),
            succeeded,
            kinds.map((kind) => ({ kind, body: bodies[kind]! })),
          );
          const innerHeader = { header: { revision } };
          const members = [
            { case: undefined },
            { case: "responseRange" as const, value: { ...innerHeader, count: 3n } },
            { case: "responsePut" as const, value: innerHeader },
            { case: "responseDeleteRange" as const, value: { ...innerHeader, deleted: 1n } },
            { case: "responseTxn" as const, value: { ...innerHeader, succeeded: true } },
          ];
          const responses = kinds.map((kind) => ({ response: members[kind]! }));
          assert.deepEqual(written, encode(TxnResponseSchema, { header, succeeded, responses }));
          const parts = hot.encodeTxnResponseInParts(
            headerBytes(header),
            succeeded,
            kinds.map((kind) => {
              const body = bodies[kind]!;
              return { kind, body: body.subarray(0, 1), rest: [body.subarray(1, 2), body.subarray(2)] };
            }),
          );
          assert.deepEqual(Buffer.concat(parts), Buffer.from(written));
        },
      ),
    ));
  test("WatchResponse and Event", () =>
    fc.assert(
      fc.property(
        anyHeader,
        anyInt64,
        fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
        anySafe,
        fc.string({ unit: "grapheme" }),
        fc.array(
          fc.record(
            { type: fc.constantFrom(0, 1), kv: anyKeyValue, prevKv: anyKeyValue },
            { requiredKeys: ["type", "kv"] },
          ),
          { maxLength: 3 },
        ),
        (header, watchId, [created, canceled, fragment], compactRevision, cancelReason, events) => {
          const encoded = events.map(({ type, kv, prevKv }) =>
            hot.encodeEvent(type === 1, record(kv), prevKv && record(prevKv)),
          );
          assert.deepEqual(
            encoded,
            events.map((event) => encode(EventSchema, event)),
          );
          assert.deepEqual(
            hot.encodeWatchResponse(
              ...([headerBytes(header), watchId, created, canceled] as const),
              ...([Number(compactRevision), cancelReason, fragment, encoded] as const),
            ),
            encode(WatchResponseSchema, {
              header,
              watchId,
              created,
              canceled,
              compactRevision,
              cancelReason,
              fragment,
              events,
            }),
          );
        },
      ),
    ));
});

suite("nothing that a client sends takes more than its own size", () => {
  test("a transaction nested too deeply is refused, and 200 levels are not", () => {
    let txn: hot.TxnRequest = { compare: [], success: [], failure: [] };
    for (let depth = 0; depth < 200; depth++) {
      txn = { compare: [], success: [{ kind: 4, txn }], failure: [] };
    }
    assert.deepEqual(hot.decodeTxnRequest(hot.encodeTxnRequest(txn)), txn);
    for (let depth = 0; depth < 100; depth++) {
      txn = { compare: [], success: [{ kind: 4, txn }], failure: [] };
    }
    assert.throws(() => hot.decodeTxnRequest(hot.encodeTxnRequest(txn)), hot.WireError);
  });

  test("a member repeated half a million times is merged in one go", () => {
    const op = Buffer.concat(Array.from({ length: 500_000 }, () => Uint8Array.of(0x12, 0x00)));
    const length = Uint8Array.of(0x12, 0xc0, 0x84, 0x3d);
    assert.deepEqual(hot.decodeTxnRequest(Buffer.concat([length, op])).success.length, 1);
  });
});

function outcomeOf(run: () => unknown): unknown {
  try {
    return run();
  } catch {
    return "failed";
  }
}

function withKeys(status: hot.LeaseStatusMessage | undefined): unknown {
  if (status === undefined) return undefined;
  const { keyFields, ...rest } = status;
  const { keys } = decode(LeaseTimeToLiveResponseSchema, Buffer.concat(keyFields));
  return { ...rest, keys: keys.map((key) => Buffer.from(key)) };
}
