import assert from "node:assert/strict";
import http from "node:http";
import net from "node:net";
import test, { type TestContext } from "node:test";
import { RawClient, rawFrames as raw } from "@quorate/rpc/testing";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { KINDS, type Kind, MAX_MESSAGE_BYTES, NOTHING_OPEN, OpenCalls } from "./open-calls.testing.ts";

/*
 * Whatever ends a call, and whichever way it came, nothing of it stays open: no call, watcher, watch stream, copy of the
 * database, slice of a range, request to the leader.
 */

/** Opens a call of a kind, ends it, and looks at what is left. */
async function endsCleanly(kind: Kind, world: OpenCalls, end: () => void, flush = () => {}): Promise<void> {
  await until(() => {
    flush();
    const { open } = world;
    return kind.holds.every((what) => open[what] === 1);
  });
  end();
  await until(() => {
    flush();
    return Object.values(world.open).every((count) => count === 0);
  });
  assert.deepEqual(world.open, NOTHING_OPEN);
  assert.deepEqual(world.defects, []);
}

type Ends<Client> = Record<
  string,
  { only?: (kind: Kind) => boolean; end: (world: OpenCalls, client: Client) => void }
>;

const isStreaming = ({ isStreaming: yes }: Kind): boolean => yes;
/** One that waits for the leader is not read on: what comes behind it is not looked at before it is answered. */
const isRead = (kind: Kind): boolean => kind !== KINDS.renewal;
const isWatch = (kind: Kind): boolean => kind === KINDS.watch;
/** A watch for a key of more octets than a message may have. */
const TOO_LARGE = JSON.stringify({
  create_request: { key: Buffer.alloc(MAX_MESSAGE_BYTES).toString("base64") },
});

// ---- gRPC ----

const GRPC_ENDS: Ends<RawClient> = {
  RST_STREAM: { end: (_, peer) => peer.send(raw.reset(1)) },
  "the loss of the connection": { end: (_, peer) => peer.close() },
  "the server's close": { end: ({ grpc }) => grpc.close() },
  "a connection error": { end: (_, peer) => peer.send(raw.windowUpdate(0, 0)) },
  "a stream error": { end: (_, peer) => peer.send(raw.windowUpdate(1, 0)) },
  "its deadline": { end: ({ clock }) => clock.advance(1_010) },
  "a message over the limit": {
    only: isRead,
    end: (_, peer) => peer.send(raw.data(1, Uint8Array.of(0, 0x7f, 0xff, 0xff, 0xff, 1))),
  },
  "a wrong prefix": {
    only: isRead,
    end: (_, peer) => peer.send(raw.data(1, Uint8Array.of(9, 0, 0, 0, 1, 1))),
  },
  "the end in the middle of a message": {
    only: isRead,
    end: (_, peer) => peer.send(raw.data(1, Uint8Array.of(0, 0, 0, 0, 9, 1), true)),
  },
  "a request that is none": {
    only: isWatch,
    end: (_, peer) => peer.send(raw.data(1, raw.grpcMessage(Uint8Array.of(0xff)))),
  },
  "a second message": {
    only: (kind) => kind === KINDS.range,
    end: (_, peer) => peer.send(raw.data(1, raw.grpcMessage(new Uint8Array(1)))),
  },
};

for (const [name, kind] of Object.entries(KINDS)) {
  for (const [what, { only, end }] of Object.entries(GRPC_ENDS)) {
    if (only !== undefined && !only(kind)) continue;
    test(`gRPC: a ${name} leaves nothing behind after ${what}`, async () => {
      const world = new OpenCalls();
      const peer = new RawClient();
      world.grpc.attach(peer.open, { address: "test", port: 1 });
      peer.greet();
      const metadata: [string, string][] = [
        ["grpc-timeout", "1S"],
        ["hasleader", "true"],
      ];
      peer.send(
        raw.headers(1, raw.grpcRequest(kind.rpc, metadata)),
        raw.data(1, raw.grpcMessage(kind.message)),
      );
      await endsCleanly(
        kind,
        world,
        () => end(world, peer),
        () => peer.flush(),
      );
    });
  }
}

// ---- JSON over HTTP/2 ----

const HTTP2_ENDS: Ends<RawClient> = {
  RST_STREAM: { end: (_, peer) => peer.send(raw.reset(1)) },
  "the loss of the connection": { end: (_, peer) => peer.close() },
  "the server's close": { end: ({ grpc }) => grpc.close() },
  "the gateway's close": { end: ({ gateway }) => gateway.close() },
  "a stream error": { end: (_, peer) => peer.send(raw.windowUpdate(1, 0)) },
  "its deadline": { end: ({ clock }) => clock.advance(1_010) },
  "a message over the limit": {
    only: isWatch,
    end: (_, peer) => peer.send(raw.data(1, new Uint8Array(Buffer.from(TOO_LARGE)))),
  },
};

for (const [name, kind] of Object.entries(KINDS)) {
  for (const [what, { only, end }] of Object.entries(HTTP2_ENDS)) {
    if (only !== undefined && !only(kind)) continue;
    test(`JSON over HTTP/2: a ${name} leaves nothing behind after ${what}`, async () => {
      const world = new OpenCalls();
      const peer = new RawClient();
      world.grpc.attach(peer.open, { address: "test", port: 1 });
      peer.greet();
      peer.send(
        raw.headers(1, [
          [":method", "POST"],
          [":scheme", "http"],
          [":path", kind.json],
          ["grpc-timeout", "1S"],
          ["grpc-metadata-hasleader", "true"],
        ]),
        raw.data(1, new Uint8Array(Buffer.from(kind.body)), !kind.isStreaming),
      );
      await endsCleanly(
        kind,
        world,
        () => end(world, peer),
        () => peer.flush(),
      );
    });
  }
}

// ---- JSON over HTTP/1.1 ----

const HTTP1_ENDS: Ends<net.Socket> = {
  "its client went away": { end: (_, socket) => socket.destroy() },
  "a reset of the connection": { end: (_, socket) => socket.resetAndDestroy() },
  "the gateway's close": { end: ({ gateway }) => gateway.close() },
  "its deadline": { end: ({ clock }) => clock.advance(1_010) },
  "a body that breaks the rules": { only: isStreaming, end: (_, socket) => socket.write("no length\r\n") },
  "a message over the limit": { only: isWatch, end: (_, socket) => socket.write(chunk(TOO_LARGE)) },
};

const chunk = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`;

for (const [name, kind] of Object.entries(KINDS)) {
  for (const [what, { only, end }] of Object.entries(HTTP1_ENDS)) {
    if (only !== undefined && !only(kind)) continue;
    test(`JSON over HTTP/1.1: a ${name} leaves nothing behind after ${what}`, async (t) => {
      const world = new OpenCalls();
      const socket = net.connect(await listen(t, world), "127.0.0.1");
      t.after(() => socket.destroy());
      socket.on("error", () => {});
      const body = kind.isStreaming
        ? `Transfer-Encoding: chunked\r\n\r\n${chunk(kind.body)}`
        : `Content-Length: ${kind.body.length}\r\n\r\n${kind.body}`;
      socket.write(
        `POST ${kind.json} HTTP/1.1\r\nHost: x\r\nGrpc-Timeout: 1S\r\nGrpc-Metadata-Hasleader: true\r\n${body}`,
      );
      await endsCleanly(kind, world, () => end(world, socket));
    });
  }
}

async function listen(t: TestContext, { gateway }: OpenCalls): Promise<number> {
  const server = http.createServer((req, res) => void gateway.handle(req, res));
  await listenOnFreePort(server);
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as net.AddressInfo).port;
}
