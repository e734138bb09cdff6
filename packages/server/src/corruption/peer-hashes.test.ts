import assert from "node:assert/strict";
import test from "node:test";
import type { PeerRequest, PeerRequests } from "../peer/peer-requests.ts";
import { askPeerHashes, readPeerHash } from "./peer-hashes.ts";

const response = (status: number, body: string) => ({ status, headers: {}, body: Buffer.from(body) });
const member = (id: bigint, ...peerUrls: string[]) => ({
  id,
  peerUrls,
  isLearner: false,
  name: "",
  clientUrls: [],
});

const bodies: {
  body: string;
  want: [currentRevision: number, hash: number, compactRevision: number] | undefined;
}[] = [
  {
    body: '{"header":{"revision":6},"hash":1551057754,"compact_revision":-1,"hash_revision":6}',
    want: [6, 1551057754, -1],
  },
  { body: '{"header":{"revision":6}}', want: [6, 0, 0] },
  { body: '{"header":{"revision":1,"x":2},"hash":4294967295,"more":1}', want: [1, 4294967295, 0] },
  { body: '{"header":{"revision":1},"hash":4294967296}', want: undefined },
  { body: '{"header":{"revision":1},"hash":-1}', want: undefined },
  { body: '{"header":{"revision":1},"hash":"7"}', want: undefined },
  { body: '{"hash":7}', want: undefined },
  { body: '{"header":7}', want: undefined },
  { body: '{"header":{"revision":1},"compact_revision":1e300}', want: undefined },
  { body: "[]", want: undefined },
  { body: "null", want: undefined },
  { body: "", want: undefined },
];
for (const { body, want } of bodies) {
  test(`the answer ${body} ${want === undefined ? "is none" : `means ${want}`}`, () => {
    if (want === undefined) assert.throws(() => readPeerHash(response(200, body)));
    else {
      const [currentRevision, hash, compactRevision] = want;
      assert.deepEqual(readPeerHash(response(200, body)), { currentRevision, hash, compactRevision });
    }
  });
}

test("each URL is tried until one answers, and a refusal is told with its text", async () => {
  const asked: { url: string; request: PeerRequest }[] = [];
  const requests: PeerRequests = {
    send: async (url, request) => {
      asked.push({ url, request });
      if (url === "http://b") return response(200, '{"header":{"revision":6},"hash":1}');
      if (url === "http://c") return response(400, "mvcc: required revision has been compacted\n");
      throw new Error("connection refused");
    },
    close: () => {},
  };
  const members = [member(2n, "http://a", "http://b", "http://x"), member(3n, "http://c"), member(4n)];
  const answers = await askPeerHashes(requests, members, { clusterId: 0x1000n, revision: 5, timeoutMs: 700 });
  assert.deepEqual(answers, [
    { id: 2n, hash: { currentRevision: 6, hash: 1, compactRevision: 0 }, failure: undefined },
    { id: 3n, hash: undefined, failure: "mvcc: required revision has been compacted" },
    { id: 4n, hash: undefined, failure: "it has no peer URL" },
  ]);
  assert.deepEqual(asked.map(({ url }) => url).sort(), ["http://a", "http://b", "http://c"]);
  const { request } = asked[0]!;
  assert.deepEqual(
    [request.method, request.path, request.body, request.timeoutMs, request.headers],
    [
      "GET",
      "/members/hashkv",
      '{"revision":5}',
      700,
      { "content-type": "application/json", "x-etcd-cluster-id": "1000" },
    ],
  );
});
