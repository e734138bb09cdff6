import assert from "node:assert/strict";
import { test } from "node:test";
import { GrpcServer } from "../server/grpc-server.ts";
import { RawClient } from "../testing/raw-client.ts";
import * as raw from "../testing/raw-frames.ts";
import { DEFAULT_WINDOW_SIZE, FLAG_END_HEADERS, FLAG_END_STREAM, FRAME_DATA } from "./protocol.ts";

const STREAMS = 500;

test("answers without a body leave while the window is shut, without a look at each of those that wait for it", () => {
  const bodies = new Map<string, number>([
    ["/fills", DEFAULT_WINDOW_SIZE],
    ["/waits", 10],
    ["/ends", 0],
  ]);
  const server = new GrpcServer({
    onHttpRequest: (exchange) => exchange.respond(200, {}, new Uint8Array(bodies.get(exchange.path)!)),
  });
  const peer = new RawClient();
  server.attach(peer.open, { address: "test", port: 1 });
  peer.greet();
  let id = -1;
  const ask = (path: string): number => {
    id += 2;
    const fields: [string, string][] = [
      [":method", "GET"],
      [":scheme", "http"],
      [":path", path],
    ];
    peer.send(raw.headers(id, fields, FLAG_END_HEADERS | FLAG_END_STREAM));
    return id;
  };
  const endedIds = () =>
    peer.of(FRAME_DATA).flatMap(({ flags, id: each }) => ((flags & FLAG_END_STREAM) !== 0 ? [each] : []));
  const filling = ask("/fills");
  assert.deepEqual(endedIds(), [filling]);
  const waiting = Array.from({ length: STREAMS }, () => ask("/waits"));
  let looks = 0;
  for (const each of waiting) {
    const stream = peer.connection!.streams.get(each)!;
    let { queuedBytes } = stream;
    Object.defineProperty(stream, "queuedBytes", {
      get() {
        looks++;
        return queuedBytes;
      },
      set(value: number) {
        queuedBytes = value;
      },
    });
  }
  const ending = Array.from({ length: STREAMS }, () => ask("/ends"));
  assert.deepEqual(endedIds(), [filling, ...ending]);
  assert.ok(looks <= 10 * STREAMS, `${looks} looks`);
  peer.send(raw.windowUpdate(0, 10 * STREAMS));
  assert.deepEqual(endedIds(), [filling, ...ending, ...waiting]);
  server.close();
});
