import assert from "node:assert/strict";
import test from "node:test";
import { ManualClock } from "@quorate/testkit/clock";
import { until } from "@quorate/testkit/wait";
import { encode } from "@quorate/wire";
import { RangeRequestSchema, TxnRequestSchema } from "@quorate/wire/etcdserverpb";
import { NO_TOKENS, type Tokens } from "../auth/tokens.ts";
import type { Reader } from "../consensus/read-index.ts";
import { RequestError } from "../errors.ts";
import type { Caller } from "../operations/caller.ts";
import type { KvContext } from "./context.ts";
import { Identities } from "./identities.ts";
import { addKvService } from "./kv/service.ts";
import { localCalls } from "./local-calls.ts";
import { Measures } from "./measures.ts";
import type { CallReport } from "./observed-calls.ts";
import { Services } from "./services.ts";

const range = encode(RangeRequestSchema, { key: Buffer.from("k") });
const success = [
  { request: { case: "requestRange" as const, value: { key: Buffer.from("k") } } },
  { request: { case: "requestRange" as const, value: { key: Buffer.from("l") } } },
];
const METHODS: Readonly<Record<string, Uint8Array>> = {
  Range: range,
  RangeStream: range,
  Txn: encode(TxnRequestSchema, { success }),
};

/** Reads that wait, of a member whose users may nothing, and who was asked for by then. */
function setUp(isKnownAtOnce: boolean) {
  const auth = { isEnabled: false, revision: 3 };
  const examined = new Set(isKnownAtOnce ? ["token-of-u"] : []);
  const tokens: Tokens = {
    ...NO_TOKENS,
    isExamined: (token) => examined.has(token),
    examine: async (token) => void examined.add(token),
    holderOf: (token) =>
      examined.has(token) ? { username: token.slice("token-of-".length), authRevision: 3 } : undefined,
  };
  const waiting: Reader[] = [];
  const asked: Caller[] = [];
  const reports: CallReport<unknown>[] = [];
  const context = {
    identities: new Identities({ auth, tokens, usesCertificates: false }),
    membership: { version: "3.7.0", isLearner: false },
    consensus: { leader: 1n, read: (reader: Reader) => void waiting.push(reader) },
    access: {
      get isRestricted() {
        return auth.isEnabled;
      },
      needsOf(caller: Caller) {
        asked.push(caller);
        throw new RequestError("PERMISSION_DENIED");
      },
    },
    config: { maxTxnOps: 128 },
    quota: { fits: () => true },
    measures: new Measures(new ManualClock()),
    store: {},
  } as unknown as KvContext & ConstructorParameters<typeof Services>[0];
  const services = new Services(context, { ended: (report) => void reports.push(report) });
  addKvService(services, context);
  const ends: string[] = [];
  const begin = (method: string, token: string) => {
    const call = localCalls(services, new ManualClock(), 1_000).start(
      `/etcdserverpb.KV/${method}`,
      new Map([["token", [token]]]),
      Number.POSITIVE_INFINITY,
      {
        onMessage: () => {},
        onParts: () => {},
        onPauseReading: () => {},
        onResumeReading: () => {},
        onEnd: (_code, text) => void ends.push(text),
      },
    );
    call.send(METHODS[method]!);
    call.halfClose();
  };
  return { auth, waiting, asked, reports, ends, begin };
}

for (const method of Object.keys(METHODS)) {
  for (const isKnownAtOnce of [true, false]) {
    const token = isKnownAtOnce ? "that is known" : "that is to be looked at";
    test(`a ${method} that waits while users are enabled is its user's, by a token ${token}`, async () => {
      const { auth, waiting, asked, reports, ends, begin } = setUp(isKnownAtOnce);
      begin(method, "token-of-u");
      assert.deepEqual([waiting.length, ends], [1, []]);
      auth.isEnabled = true;
      waiting[0]!.ready();
      await until(() => ends.length === 1);
      assert.deepEqual(ends, ["etcdserver: permission denied"]);
      assert.deepEqual(
        asked.map(({ username }) => username),
        ["u"],
      );
      assert.deepEqual(
        reports.map(({ caller }) => caller.username),
        ["u"],
      );
    });
  }
}
