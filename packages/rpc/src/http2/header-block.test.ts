import assert from "node:assert/strict";
import { test } from "node:test";
import { readCallHead } from "../grpc/call-head.ts";
import { type HeaderField, headerField } from "../hpack/field.ts";
import { GrpcServer } from "../server/grpc-server.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import { BlockSummary, HeaderBlock } from "./header-block.ts";
import { FLAG_END_HEADERS, FRAME_CONTINUATION, FRAME_HEADERS } from "./protocol.ts";

const PATH = "/test.Service/Call";
const FIELDS = 50_000;

function manyFields(): HeaderField[] {
  const fields = raw.grpcRequest(PATH).map(([name, value]) => headerField(name, value));
  fields.push(headerField("grpc-timeout", "5S"), headerField("grpc-accept-encoding", "gzip"));
  for (let i = 0; i < FIELDS; i++) fields.push(headerField(`x-${i}`, "v"));
  fields.push(headerField("token", "first"), headerField("token", "second"));
  return fields;
}

test("a long list is gone through while it is decoded, and not again for what is looked up in it", () => {
  let looks = 0;
  const decode = (): HeaderBlock => {
    const fields = manyFields();
    const summary = new BlockSummary();
    summary.beginLong();
    for (let i = 0; i < fields.length; i += 1000) summary.add(fields.slice(0, i + 1000), i);
    const counted = new Proxy(fields, {
      get(target, property) {
        if (typeof property === "string" && /^\d+$/.test(property)) looks++;
        return Reflect.get(target, property);
      },
    });
    return new HeaderBlock(counted, false, 2_000_000, summary);
  };
  const lookUp = (block: HeaderBlock) => ({
    head: readCallHead(block, new Map([[PATH, "route"]]), new Set()),
    token: block.get("token"),
    absent: block.get("x-absent"),
  });
  // The first time that a name is asked for in a long list it may be searched.
  lookUp(decode());
  const block = decode();
  looks = 0;
  const { head, token, absent } = lookUp(block);
  assert.equal(looks, 0);
  assert.equal(token, "first");
  assert.equal(absent, undefined);
  assert.equal(head.isGrpc, true);
  assert.equal(head.timeoutMs, 5_000);
  assert.equal(head.acceptEncoding, "gzip");
  assert.equal(head.encoding, "identity");
  assert.equal(head.route, "route");
  assert.equal(head.rejection, undefined);
});

test("metadata of a call that comes in many frames is that of one that comes in one", () => {
  const server = new GrpcServer();
  const got: (string | undefined)[][] = [];
  server.stream(PATH, (call) => {
    got.push(["x-a", "x-b", "x-none", "x-bin"].map((name) => call.metadata(name)));
    const binary = call.binaryMetadata("x-bin");
    got.push([binary && Buffer.from(binary).toString("latin1"), ...call.metadataValues("x-b")]);
  });
  const peer = new RawClient();
  server.attach(peer.open, { address: "test", port: 1 });
  peer.greet();
  const block = raw.block(
    raw.grpcRequest(PATH, [
      ["x-b", "1"],
      ["x-a", "a"],
      ["x-b", "2"],
      ["x-bin", "YWI,Y2Q"],
    ]),
  );
  const inFrames = (id: number, size: number): Uint8Array[] => {
    const frames: Uint8Array[] = [];
    for (let at = 0; at < block.length; at += size) {
      const flags = at + size >= block.length ? FLAG_END_HEADERS : 0;
      frames.push(
        raw.frame(at === 0 ? FRAME_HEADERS : FRAME_CONTINUATION, flags, id, block.slice(at, at + size)),
      );
    }
    return frames;
  };
  // Twice in pieces: the second time it is known what will be looked up.
  for (const [id, size] of [
    [1, 16_384],
    [3, 20],
    [5, 20],
  ] as const)
    peer.send(...inFrames(id, size));
  const want = [
    ["a", "1", undefined, "YWI,Y2Q"],
    ["ab", "1", "2"],
  ];
  assert.deepEqual(got, [...want, ...want, ...want]);
  server.close();
});
