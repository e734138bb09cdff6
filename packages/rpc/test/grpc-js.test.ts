/** `@grpc/grpc-js`, an independent implementation over node:http2, against our server and under our client. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { GrpcClient } from "@quorate/rpc/client";
import { GrpcServer, type Listener, type ServerCall, serve } from "@quorate/rpc/server";
import { Code, type GrpcStatus } from "@quorate/rpc/status";

const identity = (bytes: Buffer): Buffer => bytes;
function method(name: string, requestStream: boolean, responseStream: boolean) {
  return {
    path: `/test.Service/${name}`,
    requestStream,
    responseStream,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
    originalName: name,
  };
}
const service = {
  unary: method("Unary", false, false),
  clientStream: method("ClientStream", true, false),
  serverStream: method("ServerStream", false, true),
  bidi: method("Bidi", true, true),
  hold: method("Hold", true, true),
  fail: method("Fail", false, false),
  never: method("Never", false, false),
  unknown: method("Unknown", false, false),
};
const TestClient = grpc.makeGenericClientConstructor(service, "test.Service");

type DynamicClient = InstanceType<typeof TestClient>;

const cancelled: string[] = [];
let server: GrpcServer;
let listener: Listener;
let client: DynamicClient;

before(async () => {
  server = new GrpcServer();
  server.unary("/test.Service/Unary", (message, call) => {
    for (const value of call.metadataValues("x-echo")) call.setHeader("x-echo", value);
    const binary = call.binaryMetadata("x-echo-bin");
    if (binary !== undefined) call.setTrailer("x-echo-bin", binary);
    if (call.metadata("x-gzip") !== undefined) call.useGzip();
    call.reply(message.slice());
  });
  server.stream("/test.Service/ClientStream", (call) => {
    let total = 0;
    call.onMessage = (message) => {
      total += message.length;
    };
    call.onHalfClose = () => call.reply(Buffer.from(String(total)));
  });
  server.stream("/test.Service/ServerStream", (call) => {
    call.onMessage = (message) => {
      const count = message[0]!;
      const push = (): void => {
        while (call.sentMessages < count)
          if (!call.send(new Uint8Array(50_000).fill(call.sentMessages))) return;
        call.end();
      };
      call.onDrain = push;
      push();
    };
  });
  server.stream("/test.Service/Bidi", (call) => {
    call.onMessage = (message) => call.send(message.slice());
    call.onHalfClose = () => call.end();
  });
  server.stream("/test.Service/Hold", (call) => {
    call.onMessage = (message) => call.send(message.slice());
    call.onCancel = (reason) => cancelled.push(reason);
  });
  server.unary("/test.Service/Fail", (_message, call) => {
    call.setTrailer("x-why", "because");
    call.fail(Code.FAILED_PRECONDITION, "nicht möglich: 100%");
  });
  server.unary("/test.Service/Never", (_message, call: ServerCall) => {
    call.onCancel = (reason) => cancelled.push(reason);
  });
  listener = await serve({ grpc: server });
  const { address } = listener;
  assert.ok(typeof address !== "string");
  client = new TestClient(`127.0.0.1:${address.port}`, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.default_compression_algorithm": 0,
  });
});

after(async () => {
  client.close();
  await server.shutdown(1000);
  await listener.close();
});

interface UnaryOutcome {
  readonly error: grpc.ServiceError | null;
  readonly value: Buffer | undefined;
  readonly header: grpc.Metadata | undefined;
  readonly status: grpc.StatusObject | undefined;
}

function unary(
  name: string,
  message: Uint8Array,
  metadata = new grpc.Metadata(),
  options = {},
): Promise<UnaryOutcome> {
  return new Promise((resolve) => {
    let header: grpc.Metadata | undefined;
    let status: grpc.StatusObject | undefined;
    let outcome: { error: grpc.ServiceError | null; value: Buffer | undefined } | undefined;
    const finish = () => {
      if (status !== undefined && outcome !== undefined) resolve({ ...outcome, header, status });
    };
    const call = client[name](
      Buffer.from(message),
      metadata,
      options,
      (error: grpc.ServiceError, value: Buffer) => {
        outcome = { error, value };
        finish();
      },
    );
    call.on("metadata", (received: grpc.Metadata) => {
      header = received;
    });
    call.on("status", (received: grpc.StatusObject) => {
      status = received;
      finish();
    });
  });
}

for (const size of [0, 1, 1000, 16_384, 100_000, 3_000_000]) {
  test(`grpc-js: a unary call of ${size} octets is echoed`, async () => {
    const message = Buffer.alloc(size, 7);
    const { error, value } = await unary("unary", message);
    assert.equal(error, null);
    assert.ok(value?.equals(message));
  });
}

test("grpc-js: metadata travels both ways, text and binary", async () => {
  const metadata = new grpc.Metadata();
  metadata.add("x-echo", "one");
  metadata.add("x-echo", "two");
  metadata.add("x-echo-bin", Buffer.of(0, 255));
  const { header, status } = await unary("unary", Buffer.of(1), metadata);
  assert.deepEqual(header?.get("x-echo"), ["one, two"]);
  assert.deepEqual(status?.metadata.get("x-echo-bin"), [Buffer.of(0, 255)]);
});

test("grpc-js: gzip is read, and written when asked for", async () => {
  const { address } = listener;
  assert.ok(typeof address !== "string");
  const zipping: DynamicClient = new TestClient(
    `127.0.0.1:${address.port}`,
    grpc.credentials.createInsecure(),
    {
      "grpc.default_compression_algorithm": 2,
    },
  );
  const metadata = new grpc.Metadata();
  metadata.add("x-gzip", "please");
  const message = Buffer.alloc(200_000, 9);
  const value = await new Promise<Buffer>((resolve, reject) => {
    zipping.unary(message, metadata, (error: Error | null, reply: Buffer) =>
      error ? reject(error) : resolve(reply),
    );
  });
  assert.ok(value.equals(message));
  zipping.close();
});

test("grpc-js: a failing call carries code, text and trailers", async () => {
  const { error } = await unary("fail", Buffer.of(1));
  assert.equal(error?.code, grpc.status.FAILED_PRECONDITION);
  assert.equal(error?.details, "nicht möglich: 100%");
  assert.deepEqual(error?.metadata.get("x-why"), ["because"]);
});

test("grpc-js: an unknown method is UNIMPLEMENTED", async () => {
  const { error } = await unary("unknown", Buffer.of(1));
  assert.equal(error?.code, grpc.status.UNIMPLEMENTED);
});

test("grpc-js: a deadline expires on both sides", async () => {
  cancelled.length = 0;
  const { error } = await unary("never", Buffer.of(1), new grpc.Metadata(), { deadline: Date.now() + 100 });
  assert.equal(error?.code, grpc.status.DEADLINE_EXCEEDED);
  for (let i = 0; i < 100 && cancelled.length === 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(cancelled.length, 1);
});

test("grpc-js: client streaming adds up", async () => {
  const total = await new Promise((resolve, reject) => {
    const call = client.clientStream((error: Error | null, value: Buffer) =>
      error ? reject(error) : resolve(value.toString()),
    );
    for (let i = 0; i < 100; i++) call.write(Buffer.alloc(30_000));
    call.end();
  });
  assert.equal(total, "3000000");
});

test("grpc-js: server streaming arrives in order with back-pressure", async () => {
  const call = client.serverStream(Buffer.of(100));
  let count = 0;
  for await (const message of call) {
    assert.equal(message.length, 50_000);
    assert.equal(message[0], count++);
    if (count % 25 === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.equal(count, 100);
});

test("grpc-js: bidirectional streaming echoes, and ends", async () => {
  const call = client.bidi();
  const received: number[] = [];
  const ended = new Promise<grpc.StatusObject>((resolve) => call.on("status", resolve));
  call.on("data", (message: Buffer) => {
    received.push(message[0]!);
    if (received.length < 50) call.write(Buffer.of(received.length));
    else call.end();
  });
  call.write(Buffer.of(0));
  assert.equal((await ended).code, grpc.status.OK);
  assert.deepEqual(
    received,
    Array.from({ length: 50 }, (_, i) => i),
  );
});

test("grpc-js: cancelling a stream reaches the handler", async () => {
  cancelled.length = 0;
  const call = client.hold(); // node:http2 ends its side before it resets
  call.on("error", () => {});
  call.on("data", () => call.cancel());
  call.write(Buffer.of(1));
  for (let i = 0; i < 200 && cancelled.length === 0; i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  assert.deepEqual(cancelled, ["canceled"]);
});

// ---- The other way round: a grpc-js server under our client ----

let foreign: grpc.Server;
let ours: GrpcClient;

before(async () => {
  foreign = new grpc.Server({ "grpc.max_receive_message_length": -1 });
  foreign.addService(service, {
    unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      const header = new grpc.Metadata();
      header.set("x-seen", call.metadata.get("x-sent").join());
      call.sendMetadata(header);
      const trailer = new grpc.Metadata();
      trailer.set("x-trailer-bin", Buffer.of(1, 2));
      callback(null, call.request, trailer);
    },
    fail(_call: unknown, callback: grpc.sendUnaryData<Buffer>) {
      const metadata = new grpc.Metadata();
      metadata.set("x-why", "because");
      callback({ code: grpc.status.NOT_FOUND, details: "nichts für ungut", metadata });
    },
    never() {},
    hold() {},
    clientStream(call: grpc.ServerReadableStream<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      let total = 0;
      call.on("data", (message: Buffer) => {
        total += message.length;
      });
      call.on("end", () => callback(null, Buffer.from(String(total))));
    },
    serverStream(call: grpc.ServerWritableStream<Buffer, Buffer>) {
      for (let i = 0; i < call.request[0]!; i++) call.write(Buffer.alloc(40_000, i));
      call.end();
    },
    bidi(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.on("data", (message: Buffer) => call.write(message));
      call.on("end", () => call.end());
    },
    unknown(_call: unknown, callback: grpc.sendUnaryData<Buffer>) {
      callback({ code: grpc.status.UNIMPLEMENTED });
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    foreign.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  ours = await GrpcClient.connect({ address: `127.0.0.1:${port}`, metadata: { "x-sent": "always" } });
});

after(() => {
  ours.close();
  foreign.forceShutdown();
});

for (const size of [0, 1, 16_384, 100_000, 3_000_000]) {
  test(`our client: a unary call of ${size} octets is echoed by grpc-js`, async () => {
    const message = new Uint8Array(size).fill(3);
    assert.deepEqual(await ours.unary("/test.Service/Unary", message), message);
  });
}

test("our client: gzip requests are understood by grpc-js", async () => {
  const message = new Uint8Array(50_000).fill(3);
  assert.deepEqual(await ours.unary("/test.Service/Unary", message.slice(), { gzip: true }), message);
});

test("our client: header, trailers and status are heard", async () => {
  const stream = ours.stream("/test.Service/Unary", { metadata: { "x-more": "1" } });
  let seen: readonly string[] | undefined;
  stream.onHeader = (metadata) => {
    seen = metadata.get("x-seen");
  };
  const status = await new Promise<GrpcStatus>((resolve) => {
    stream.onEnd = resolve;
    stream.send(Uint8Array.of(1));
    stream.halfClose();
  });
  assert.deepEqual(seen, ["always"]);
  assert.equal(status.code, Code.OK);
  assert.deepEqual(status.metadata.get("x-trailer-bin"), [Buffer.of(1, 2).toString("base64")]);
});

test("our client: a failure carries code, text and trailers", async () => {
  await assert.rejects(ours.unary("/test.Service/Fail", Uint8Array.of(1)), (error: GrpcStatus) => {
    assert.equal(error.code, Code.NOT_FOUND);
    assert.equal(error.details, "nichts für ungut");
    assert.deepEqual(error.metadata.get("x-why"), ["because"]);
    return true;
  });
});

test("our client: deadline and signal end a call", async () => {
  const deadlineMs = performance.now() + 50;
  await assert.rejects(ours.unary("/test.Service/Never", Uint8Array.of(1), { deadlineMs }), {
    code: Code.DEADLINE_EXCEEDED,
  });
  const signal = AbortSignal.timeout(20);
  await assert.rejects(ours.unary("/test.Service/Never", Uint8Array.of(1), { signal }), {
    code: Code.CANCELLED,
  });
});

test("our client: every streaming kind works against grpc-js", async () => {
  const up = ours.stream("/test.Service/ClientStream");
  const total = new Promise<string>((resolve) => {
    up.onMessage = (message) => resolve(Buffer.from(message).toString());
  });
  for (let i = 0; i < 100; i++) up.send(new Uint8Array(20_000));
  up.halfClose();
  assert.equal(await total, "2000000");

  const down = ours.stream("/test.Service/ServerStream");
  let count = 0;
  down.onMessage = (message) => assert.equal(message[0], count++);
  const ended = new Promise<GrpcStatus>((resolve) => {
    down.onEnd = resolve;
  });
  down.send(Uint8Array.of(200));
  down.halfClose();
  assert.equal((await ended).code, Code.OK);
  assert.equal(count, 200);

  const both = ours.stream("/test.Service/Bidi");
  const echoed: number[] = [];
  both.onMessage = (message) => {
    echoed.push(message[0]!);
    if (echoed.length < 20) both.send(Uint8Array.of(echoed.length));
    else both.halfClose();
  };
  const finished = new Promise<GrpcStatus>((resolve) => {
    both.onEnd = resolve;
  });
  both.send(Uint8Array.of(0));
  assert.equal((await finished).code, Code.OK);
  assert.equal(echoed.length, 20);
});
