/**
 * Microseconds a request costs in the state machine alone, without sockets: prepared octets go in, output is dropped.
 * `node state-machine.ts [seconds]`. "warm" is a client whose header blocks repeat, "deadline" one whose `grpc-timeout`
 * differs every time and is indexed, as Go's client sends it; "events" is one message on each of 1,000 open streams.
 */
import process from "node:process";
import { GrpcServer, type ServerCall } from "@quorate/rpc/server";
import { type Http2Connection, rawFrames as raw } from "@quorate/rpc/testing";

const seconds = Number(process.argv[2] ?? 1);
const PUT = "/etcdserverpb.KV/Put";
const WATCH = "/etcdserverpb.Watch/Watch";
const REPLY = new Uint8Array(30).fill(1);
const MESSAGE = raw.grpcMessage(new Uint8Array(293).fill(2));

const server = new GrpcServer();
const watches: ServerCall[] = [];
server.unary(PUT, (_message, call) => call.reply(REPLY));
server.stream(WATCH, (call) => void watches.push(call));

/** A client whose octets come from the caller, and which takes everything that it is sent. */
function connect(): Http2Connection {
  let connection: Http2Connection | undefined;
  server.attach(
    (opened) => {
      connection = opened;
      return { flush: () => take(opened), destroy: () => {} };
    },
    { address: "bench", port: 1 },
  );
  const greeting = raw.concat(raw.PREFACE, raw.settings([4, 0x7fff_ffff]));
  connection!.receive(greeting, 0, greeting.length);
  return connection!;
}

function take(connection: Http2Connection): void {
  connection.flushPending = false;
  connection.pump(131_072);
  connection.output.clear();
  connection.sendWindow = 0x7000_0000;
}

const REQUESTS = 100;
const CHUNKS = 200;

/** What one client sends in its first CHUNKS turns, with the HPACK state of a real one. */
function record(withDeadlines: boolean): Uint8Array[] {
  const encode = raw.blockEncoder();
  let id = -1;
  return Array.from({ length: CHUNKS }, (_, chunk) =>
    raw.concat(
      ...Array.from({ length: REQUESTS }, (_, request) => {
        id += 2;
        const timeout: [string, string][] = withDeadlines
          ? [["grpc-timeout", `${4_990_000 + chunk * 97 + request}u`]]
          : [];
        const fields = raw.grpcRequest(PUT, [["user-agent", "grpc-go/1.83.2"], ...timeout]);
        return raw.concat(raw.frame(1, 4, id, encode(fields)), raw.data(id, MESSAGE, true));
      }),
    ),
  );
}

for (const [name, withDeadlines] of [
  ["warm", false],
  ["deadline", true],
] as const) {
  if (process.argv[3] !== undefined && process.argv[3] !== name) continue;
  const chunks = record(withDeadlines);
  let next = 0;
  let connection = connect();
  measure(name, REQUESTS, () => {
    if (next === chunks.length) {
      next = 0;
      connection = connect();
    }
    const chunk = chunks[next++]!;
    connection.receive(chunk, 0, chunk.length);
    take(connection);
  });
}

{
  const connection = connect();
  const encode = raw.blockEncoder();
  const opening = raw.concat(
    ...Array.from({ length: 1000 }, (_, i) => raw.frame(1, 4, 1 + 2 * i, encode(raw.grpcRequest(WATCH)))),
  );
  connection.receive(opening, 0, opening.length);
  measure("events", 1000, () => {
    for (let i = 0; i < watches.length; i++) watches[i]!.send(REPLY);
    take(connection);
    for (const stream of connection.streams.toArray()) stream.sendWindow = 0x7000_0000;
  });
}

function measure(name: string, perRound: number, round: () => void): void {
  for (let i = 0; i < 200; i++) round();
  const start = performance.now();
  const cpu = process.cpuUsage();
  let rounds = 0;
  while (performance.now() - start < seconds * 1000) {
    round();
    rounds++;
  }
  const used = process.cpuUsage(cpu);
  console.log(`${name}: ${((used.user + used.system) / (rounds * perRound)).toFixed(3)} us`);
}
