import assert from "node:assert/strict";
import fs from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import tls from "node:tls";
import { GrpcClient } from "../client/grpc-client.ts";
import { Code } from "../grpc/status.ts";
import { CLIENT_PREFACE } from "../http2/protocol.ts";
import { GrpcServer, type GrpcServerOptions } from "../server/grpc-server.ts";
import * as raw from "../testing/raw-frames.ts";
import type { SecureConnections } from "./acceptor.ts";
import { type Listener, type ListenOptions, serve } from "./listener.ts";

const testdata = path.resolve(import.meta.dirname, "../../testdata");
const key = fs.readFileSync(path.join(testdata, "localhost-key.pem"));
const cert = fs.readFileSync(path.join(testdata, "localhost-cert.pem"));
const ECHO = "/test.Service/Echo";

interface Running extends AsyncDisposable {
  readonly grpc: GrpcServer;
  readonly listener: Listener;
  readonly address: string;
}

async function start(options: ListenOptions = {}, serverOptions: GrpcServerOptions = {}): Promise<Running> {
  const grpc = new GrpcServer(serverOptions);
  grpc.unary(ECHO, (message, call) => call.reply(message.slice()));
  grpc.unary("/test.Service/Silent", () => {});
  grpc.stream("/test.Service/Flood", (call) => {
    const push = () => {
      while (call.sentMessages < 200) if (!call.send(new Uint8Array(60_000))) return;
      call.end();
    };
    call.onDrain = push;
    push();
  });
  const web = http.createServer((request, response) => {
    response.end(`${request.method} ${request.url} ${request.httpVersion}`);
  });
  const listener = await serve({ grpc, http: web, ...options });
  const { address } = listener;
  return {
    grpc,
    listener,
    address: typeof address === "string" ? address : `127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      web.closeAllConnections();
      grpc.close();
      await listener.close();
    },
  };
}

test("HTTP/1.1 and gRPC share a plaintext port", async () => {
  await using running = await start();
  const client = await GrpcClient.connect({ address: running.address });
  assert.deepEqual(await client.unary(ECHO, Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
  const response = await fetch(`http://${running.address}/health`);
  assert.equal(await response.text(), "GET /health 1.1");
  client.close();
});

test("HTTP/1.1 and gRPC share a TLS port by ALPN", async () => {
  await using running = await start({ tls: { key, cert } });
  const client = await GrpcClient.connect({ address: running.address, tls: { ca: cert } });
  const large = new Uint8Array(2_000_000).fill(5);
  assert.deepEqual(await client.unary(ECHO, large), large);
  const text = await new Promise<string>((resolve, reject) => {
    const request = https.get(`https://${running.address}/version`, { ca: cert }, (response) => {
      response.setEncoding("utf8").on("data", resolve);
    });
    request.on("error", reject);
  });
  assert.equal(text, "GET /version 1.1");
  client.close();
});

test("a TLS client without ALPN is recognized by its first octets", async () => {
  await using running = await start({ tls: { key, cert } });
  const [host, port] = running.address.split(":");
  const socket = tls.connect({ host: host!, port: Number(port), ca: cert });
  socket.write("GET /plain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  let text = "";
  for await (const chunk of socket) text += chunk;
  assert.match(text, /GET \/plain 1\.1$/);
});

test("plaintext and TLS share a port when both are asked for", async () => {
  await using running = await start({ tls: { key, cert }, plaintext: true });
  const plain = await GrpcClient.connect({ address: running.address });
  const secure = await GrpcClient.connect({ address: running.address, tls: { ca: cert } });
  for (const client of [plain, secure]) {
    assert.deepEqual(await client.unary(ECHO, Uint8Array.of(7)), Uint8Array.of(7));
    client.close();
  }
  assert.equal(await (await fetch(`http://${running.address}/x`)).text(), "GET /x 1.1");
});

test("a unix socket serves gRPC", async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), "rpc-"));
  const socketPath = path.join(directory, "socket");
  await using running = await start({ path: socketPath });
  assert.equal(running.address, socketPath);
  const client = await GrpcClient.connect({ socketPath });
  assert.deepEqual(await client.unary(ECHO, Uint8Array.of(7)), Uint8Array.of(7));
  client.close();
  fs.rmSync(directory, { recursive: true });
});

test("a client certificate is asked for", async () => {
  await using running = await start({
    tls: { key, cert, ca: cert, requestCert: true, rejectUnauthorized: true },
  });
  const client = await GrpcClient.connect({ address: running.address, tls: { ca: cert, key, cert } });
  assert.equal((await client.unary(ECHO, new Uint8Array(3))).length, 3);
  client.close();
  await assert.rejects(GrpcClient.connect({ address: running.address, tls: { ca: cert } }), {
    code: Code.UNAVAILABLE,
  });
});

for (const plaintext of [false, true]) {
  test(`whoever makes connections secure judges them${plaintext ? ", beside plaintext ones" : ""}`, async () => {
    const names: (string | undefined)[] = [];
    const judge: SecureConnections = (serve) => {
      const options = { key, cert, ca: cert, requestCert: true, rejectUnauthorized: false };
      const server = tls.createServer({ ...options, ALPNProtocols: ["h2"] }, (socket) => {
        const name = socket.getPeerX509Certificate()?.subject;
        names.push(name);
        if (name === undefined) socket.destroy();
        else serve(socket);
      });
      // Later than at once: what the client has sent by then is not lost.
      return (socket) => setTimeout(() => server.emit("connection", socket), 20);
    };
    await using running = await start({ tls: judge, plaintext });
    const client = await GrpcClient.connect({ address: running.address, tls: { ca: cert, key, cert } });
    assert.equal((await client.unary(ECHO, new Uint8Array(3))).length, 3);
    client.close();
    await assert.rejects(GrpcClient.connect({ address: running.address, tls: { ca: cert } }), {
      code: Code.UNAVAILABLE,
    });
    assert.deepEqual(names, ["CN=localhost", undefined]);
  });
}

test("HTTP/2 requests that are not gRPC reach their handler", async () => {
  await using running = await start(
    { tls: { key, cert } },
    {
      onHttpRequest(exchange) {
        let length = 0;
        exchange.onData = (chunk) => {
          length += chunk.length;
        };
        exchange.onEnd = () =>
          exchange.respond(
            201,
            { "Content-Type": "text/plain" },
            `${exchange.method} ${exchange.path} ${length}`,
          );
      },
    },
  );
  const session = http2.connect(`https://${running.address}`, { ca: cert });
  const request = session.request({ ":path": "/v3/kv/put?x=1", ":method": "POST" });
  request.end(Buffer.alloc(200_000));
  let status = 0;
  request.on("response", (headers) => {
    status = Number(headers[":status"]);
  });
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += chunk;
  assert.equal(status, 201);
  assert.equal(text, "POST /v3/kv/put?x=1 200000");
  session.close();
});

test("a stream larger than every buffer arrives whole", async () => {
  for (const secure of [false, true]) {
    await using running = await start(secure ? { tls: { key, cert } } : {});
    const client = await GrpcClient.connect({
      address: running.address,
      ...(secure ? { tls: { ca: cert } } : {}),
    });
    const stream = client.stream("/test.Service/Flood");
    let bytes = 0;
    let paused = 0;
    stream.onMessage = (message) => {
      bytes += message.length;
      if (paused++ % 50 === 0) {
        stream.pauseReading();
        setTimeout(() => stream.resumeReading(), 5);
      }
    };
    const status = await new Promise<{ code: number }>((resolve) => {
      stream.onEnd = resolve;
    });
    assert.equal(status.code, Code.OK);
    assert.equal(bytes, 200 * 60_000);
    client.close();
  }
});

test("many calls at once on many connections are all answered", async () => {
  await using running = await start();
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => GrpcClient.connect({ address: running.address })),
  );
  const replies = clients.flatMap((client, c) =>
    Array.from({ length: 100 }, async (_, i) => {
      const message = new Uint8Array(1 + ((i * 997 + c) % 40_000)).fill(i);
      assert.deepEqual(await client.unary(ECHO, message), message);
    }),
  );
  await Promise.all(replies);
  for (const client of clients) client.close();
});

test("calls of several methods on one connection are not mixed up", async () => {
  await using running = await start();
  const methods = ["One", "Two", "Six"]; // of one length, so that their header blocks are, too
  for (const name of methods) {
    running.grpc.unary(`/test.Service/${name}`, (_message, call) => call.reply(Buffer.from(name)));
  }
  const client = await GrpcClient.connect({ address: running.address });
  for (let round = 0; round < 30; round++) {
    const names = Array.from({ length: 1 + (round % 7) }, (_, i) => methods[(i * round) % 3]!);
    const replies = await Promise.all(
      names.map((name) => client.unary(`/test.Service/${name}`, new Uint8Array(9))),
    );
    assert.deepEqual(
      replies.map((reply) => Buffer.from(reply).toString()),
      names,
    );
  }
  client.close();
});

test("garbage and silence on a port hurt nobody else", async () => {
  await using running = await start();
  const port = Number(running.address.split(":")[1]);
  const sockets = ["\0\0\0\0", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "PRI", ""].map((text) => {
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(text);
    return socket;
  });
  const client = await GrpcClient.connect({ address: running.address });
  assert.equal((await client.unary(ECHO, new Uint8Array(3))).length, 3);
  for (const socket of sockets) socket.destroy();
  client.close();
});

test("a client that closes its half loses the connection, as with gRPC for Go", async () => {
  await using running = await start();
  const socket = net.connect(Number(running.address.split(":")[1]), "127.0.0.1");
  const fields = raw.grpcRequest("/test.Service/Silent");
  socket.write(raw.concat(CLIENT_PREFACE, raw.settings(), raw.headers(1, fields)));
  await new Promise((resolve) => socket.once("data", resolve));
  assert.equal(running.grpc.connectionCount, 1);
  socket.end();
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
  assert.equal(running.grpc.connectionCount, 0);
});

test("a client that never reads is held back and then lets go", async () => {
  await using running = await start();
  const socket = net.connect(Number(running.address.split(":")[1]), "127.0.0.1");
  socket.pause();
  const requests = [1, 3, 5, 7].map((id) => raw.headers(id, raw.grpcRequest("/test.Service/Flood")));
  const window = raw.settings([4, 0x7fff_ffff]);
  socket.write(raw.concat(CLIENT_PREFACE, window, raw.windowUpdate(0, 0x7000_0000), ...requests));
  await new Promise((resolve) => setTimeout(resolve, 200));
  let bytes = 0;
  socket.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > 4 * 200 * 60_000) socket.destroy();
  });
  socket.resume();
  await new Promise((resolve) => socket.once("close", resolve));
  assert.ok(bytes > 4 * 200 * 60_000);
});

test("shutdown waits for calls, and cuts them when its time is over", async () => {
  await using running = await start();
  const client = await GrpcClient.connect({ address: running.address });
  const call = client.unary("/test.Service/Silent", new Uint8Array(1));
  const outcome = assert.rejects(call, { code: Code.UNAVAILABLE });
  await client.unary(ECHO, new Uint8Array(1));
  running.listener.stopListening();
  await running.grpc.shutdown(50);
  await outcome;
  await assert.rejects(GrpcClient.connect({ address: running.address }), { code: Code.UNAVAILABLE });
});

test("a port in use is reported", async () => {
  await using running = await start();
  const port = Number(running.address.split(":")[1]);
  await assert.rejects(serve({ port }), { code: "EADDRINUSE" });
});

test("closing the listener closes the connections that came through it", async () => {
  const running = await start();
  const client = await GrpcClient.connect({ address: running.address });
  await running.listener.close();
  await client.closed;
  assert.equal(running.grpc.connectionCount, 0);
});

test("a client that does not read is not listened to for a while, and then answered everything", async () => {
  await using running = await start({}, { limits: { maxBlockedOutputBytes: 4000 } });
  const [host, port] = running.address.split(":");
  const socket = net.connect(Number(port), host);
  let closed = false;
  socket.on("close", () => {
    closed = true;
  });
  socket.on("error", () => {});
  socket.pause();
  socket.write(raw.concat(CLIENT_PREFACE, raw.settings([4, 0x7fff_ffff]), raw.windowUpdate(0, 0x7000_0000)));
  // More than the kernel keeps for it, so that the server cannot write.
  for (const id of [1, 3, 5]) {
    socket.write(
      raw.concat(
        raw.headers(id, raw.grpcRequest("/test.Service/Flood")),
        raw.data(id, raw.grpcMessage(new Uint8Array(0)), true),
      ),
    );
  }
  const calls = 2000;
  for (let i = 0; i < calls; i++) {
    const id = 101 + 2 * i;
    socket.write(
      raw.concat(
        raw.headers(id, raw.grpcRequest(ECHO)),
        raw.data(id, raw.grpcMessage(new Uint8Array(3)), true),
      ),
    );
  }
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(closed, false);
  const ended = new Set<number>();
  let rest: Uint8Array = new Uint8Array(0);
  socket.on("data", (chunk: Buffer) => {
    rest = raw.concat(rest, chunk);
    const frames = raw.parseFrames(rest);
    let taken = 0;
    for (const { type, flags, id, payload } of frames) {
      taken += 9 + payload.length;
      if (type === 1 && (flags & 1) !== 0) ended.add(id);
    }
    rest = rest.slice(taken);
  });
  socket.resume();
  for (let i = 0; i < 3000 && ended.size < calls + 3 && !closed; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(ended.size, calls + 3);
  socket.destroy();
});
