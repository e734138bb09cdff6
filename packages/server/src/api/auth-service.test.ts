import assert from "node:assert/strict";
import test from "node:test";
import { Code } from "@quorate/rpc/status";
import { decode, encode } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  type AuthStatusResponse,
  AuthStatusResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { FAILURES, RequestError } from "../errors.ts";
import { addAuthService } from "./auth-service.ts";
import { ClusterHarness, LOCAL_ID, settle, testMember } from "./cluster-context.testing.ts";
import { localCalls } from "./local-calls.ts";
import { Services } from "./services.ts";

const CREDENTIALS = encode(AuthenticateRequestSchema, { name: "root", password: "x" });

function member() {
  const cluster = new ClusterHarness([testMember(Number(LOCAL_ID))]);
  cluster.membership.applyVersion("3.7.0");
  const services = new Services(cluster.context);
  addAuthService(services, Object.assign(cluster.context, { store: { currentRevision: 5 } }));
  const calls = localCalls(services, cluster.clock, 1_000);
  const call = async (method: string, message = new Uint8Array(0)) => {
    const answers: Uint8Array[] = [];
    let status: [number, string] | undefined;
    const sink = {
      onMessage: (answer: Uint8Array) => void answers.push(answer.slice()),
      onParts: () => assert.fail("an answer in parts"),
      onPauseReading: () => {},
      onResumeReading: () => {},
      onEnd: (code: number, text: string) => {
        status = [code, text];
      },
    };
    calls.start(`/etcdserverpb.Auth/${method}`, new Map(), Number.POSITIVE_INFINITY, sink).send(message);
    await settle();
    return { status, answer: answers[0] };
  };
  return { cluster, call };
}

test("who wants a token is told that none is needed, once the member knows that it is up to date", async () => {
  const { cluster, call } = member();
  for (const credentials of [CREDENTIALS, new Uint8Array(0)]) {
    const { status } = await call("Authenticate", credentials);
    assert.deepEqual(status, [Code.FAILED_PRECONDITION, "etcdserver: authentication is not enabled"]);
  }
  assert.equal(cluster.consensus.reads, 2);
  cluster.consensus.readError = new RequestError("TIMEOUT");
  assert.deepEqual((await call("Authenticate", CREDENTIALS)).status, FAILURES.TIMEOUT);
});

const revisions = [
  { name: "without a stored revision it is the first", stored: undefined, revision: 1n },
  { name: "a stored revision is told", stored: "0000000000000008", revision: 8n },
  { name: "a stored zero stands for the first", stored: "0000000000000000", revision: 1n },
];
for (const { name, stored, revision } of revisions) {
  test(`authentication is told to be off; ${name}`, async () => {
    const { cluster, call } = member();
    if (stored !== undefined) {
      cluster.backend.put("auth", Buffer.from("authRevision"), Buffer.from(stored, "hex"));
    }
    const { status, answer } = await call("AuthStatus");
    assert.equal(status?.[0], Code.OK);
    const { enabled, authRevision, header }: AuthStatusResponse = decode(AuthStatusResponseSchema, answer!);
    assert.deepEqual([enabled, authRevision, header?.revision], [false, revision, 5n]);
    assert.equal(cluster.consensus.reads, 1);
  });
}
