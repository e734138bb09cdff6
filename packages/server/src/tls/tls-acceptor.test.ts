import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import test, { type TestContext } from "node:test";
import tls from "node:tls";
import { TurnBudget } from "@quorate/rpc/server";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { until } from "@quorate/testkit/wait";
import { cipherList } from "../config/cipher-suites.ts";
import type { TlsSettings } from "../config/tls-settings.ts";
import type { LogFields, Logger } from "../log/logger.ts";
import { HandshakeTurns } from "./handshake-turns.ts";
import {
  certificatesOf,
  makeCertificate,
  makeRevocationList,
  type TestCertificate,
  writeTls,
} from "./testing.ts";
import { TlsAcceptor } from "./tls-acceptor.ts";

const ca = makeCertificate({ commonName: "test ca", isCa: true });
const strangeCa = makeCertificate({ commonName: "another ca", isCa: true });
const server = makeCertificate({ commonName: "server", issuer: ca, names: ["127.0.0.1", "localhost"] });
const client = makeCertificate({ commonName: "client", issuer: ca, names: ["client.example", "10.0.0.1"] });

interface Line extends LogFields {
  readonly level: "debug" | "warn";
  readonly message: string;
}

/** A port that says hello to whom it lets through, and what it logs. */
async function listen(
  t: TestContext,
  settings: Partial<TlsSettings> = {},
  side: "client" | "peer" = "client",
  turns?: HandshakeTurns,
) {
  const lines: Line[] = [];
  const note = (level: "debug" | "warn") => (message: string, fields?: LogFields) => {
    lines.push({ level, message, ...fields });
  };
  const log = { debug: note("debug"), warn: note("warn"), for: () => log } as unknown as Logger;
  const files = writeTls(t, server, ca, { verifyClientAddress: false, ...settings });
  const acceptor = new TlsAcceptor({
    certificates: certificatesOf(files.settings, log),
    side,
    protocols: ["h2", "http/1.1"],
    log,
    onSecure: (socket) => socket.end("hello"),
    ...(turns === undefined ? {} : { turns }),
    resolver: { namesOf: async () => [], addressesOf: async () => [] },
  });
  const sockets = new Set<net.Socket>();
  const listener = net.createServer({ pauseOnConnect: true }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    void acceptor.accept(socket);
  });
  await listenOnFreePort(listener);
  t.after(() => {
    listener.close();
    for (const socket of sockets) socket.destroy();
  });
  const { port } = listener.address() as net.AddressInfo;
  const lineCount = (count: number) => until(() => lines.length >= count);
  return { port, lines, lineCount, sockets, ...files };
}

interface Answer {
  readonly text: string;
  readonly localPort: number;
  /** Of the server's certificate. */
  readonly serial: string;
  /** The cipher suite that was agreed on. */
  readonly suite: string;
}

/** What the port answers to somebody with this certificate; empty when it lets nobody in. */
function connect(port: number, own?: TestCertificate, options: tls.ConnectionOptions = {}): Promise<Answer> {
  return new Promise((resolve) => {
    const pair = own === undefined ? {} : { cert: own.certPem, key: own.keyPem };
    const socket = tls.connect({ host: "127.0.0.1", port, ca: ca.certPem, ...pair, ...options });
    let text = "";
    let localPort = 0;
    let serial = "";
    let suite = "";
    socket.once("connect", () => {
      localPort = socket.localPort!;
    });
    socket.once("secureConnect", () => {
      serial = socket.getPeerX509Certificate()!.serialNumber.toLowerCase();
      suite = socket.getCipher().name;
    });
    socket.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve({ text, localPort, serial, suite }));
  });
}

/** One of so many CAs, each of which signed the next, and the first is trusted. */
function certificateBelow(issuers: number): TestCertificate {
  let issuer = ca;
  const chain: TestCertificate[] = [];
  for (let i = 0; i < issuers; i++) {
    issuer = makeCertificate({ commonName: `issuer ${i}`, isCa: true, issuer });
    chain.unshift(issuer);
  }
  const leaf = makeCertificate({ commonName: "client", issuer });
  return { ...leaf, certPem: [leaf, ...chain].map(({ certPem }) => certPem).join("") };
}

interface RefusalCase {
  readonly name: string;
  readonly own: TestCertificate | undefined;
  readonly settings?: Partial<TlsSettings>;
  readonly options?: tls.ConnectionOptions;
  readonly error: string | RegExp;
}

const refusals: RefusalCase[] = [
  { name: "no certificate", own: undefined, error: "peer did not return a certificate" },
  {
    name: "a certificate of another CA",
    own: makeCertificate({ commonName: "client", issuer: strangeCa }),
    error:
      /^failed to verify the client's certificate: UNABLE_TO_(VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT_LOCALLY)$/,
  },
  {
    name: "a chain of more issuers than are looked for",
    own: certificateBelow(9),
    error: "failed to verify the client's certificate: UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  },
  {
    name: "an expired certificate",
    own: makeCertificate({ commonName: "client", issuer: ca, isExpired: true }),
    error: "failed to verify the client's certificate: CERT_HAS_EXPIRED",
  },
  {
    name: "a common name that is not allowed",
    own: client,
    settings: { allowedCommonNames: ["somebody"] },
    error: "client certificate authentication failed",
  },
  {
    name: "a host name that is not allowed",
    own: client,
    settings: { allowedHostnames: ["other.example"] },
    error: "client certificate authentication failed",
  },
  {
    name: "an address that the certificate does not name",
    own: client,
    settings: { verifyClientAddress: true },
    error: 'tls: "127.0.0.1" does not match any of DNSNames ["client.example"]',
  },
  { name: "a list that cannot be read", own: client, settings: { crlFile: "/nowhere" }, error: /ENOENT/ },
  {
    name: "an old version",
    own: client,
    options: { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "ALL:@SECLEVEL=0" },
    error: "unsupported protocol",
  },
  {
    name: "a suite that is not among those that were chosen",
    own: client,
    settings: { ciphers: cipherList(["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"]) },
    options: { maxVersion: "TLSv1.2", ciphers: "ECDHE-ECDSA-AES256-GCM-SHA384" },
    error: "no shared cipher",
  },
  {
    name: "an unknown protocol",
    own: client,
    options: { ALPNProtocols: ["foo"] },
    error: "no application protocol",
  },
];
for (const side of ["client", "peer"] as const) {
  for (const { name, own, settings, options, error } of refusals) {
    test(`${name} is refused on the ${side} port, and logged with address and reason`, async (t) => {
      const { port, lines, lineCount } = await listen(t, settings, side);
      const { text, localPort } = await connect(port, own, options);
      assert.equal(text, "");
      await lineCount(1);
      assert.equal(lines.length, 1);
      const [line] = lines as [Line];
      assert.equal(line.level, "warn");
      assert.equal(line.message, `rejected connection on ${side} endpoint`);
      assert.equal(line["remote-addr"], `127.0.0.1:${localPort}`);
      if (typeof error === "string") assert.equal(line.error, error);
      else assert.match(String(line.error), error);
    });
  }
}

test("a certificate of as many issuers as are looked for is let through", async (t) => {
  const { port } = await listen(t);
  assert.equal((await connect(port, certificateBelow(8))).text, "hello");
});

test("a revoked certificate is refused from the next connection on, and so is its intermediate's", async (t) => {
  const middle = makeCertificate({ commonName: "middle", isCa: true, issuer: ca });
  const below = makeCertificate({ commonName: "below", issuer: middle });
  const shown = { ...below, certPem: below.certPem + middle.certPem };
  const crlFile = path.join(writeTls(t, server, ca).directory, "crl.der");
  const revoke = (...serials: string[]) => writeFileSync(crlFile, makeRevocationList(ca, serials));
  revoke();
  const { port, lines, lineCount } = await listen(t, { crlFile });
  assert.equal((await connect(port, client)).text, "hello");
  assert.equal((await connect(port, shown)).text, "hello");
  revoke(client.serial, middle.serial);
  assert.equal((await connect(port, client)).text, "");
  assert.equal((await connect(port, shown)).text, "");
  await lineCount(2);
  assert.deepEqual(
    lines.map(({ error }) => error),
    [client, middle].map(({ serial }) => `certificate serial ${serial} has been revoked`),
  );
});

test("of the suites that were chosen one is agreed on, the better one first; TLS 1.3 has its own", async (t) => {
  const ciphers = cipherList([
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_RC4_128_SHA",
  ]);
  const { port } = await listen(t, { ciphers });
  const suiteWith = async (options: tls.ConnectionOptions) => (await connect(port, client, options)).suite;
  const old = { maxVersion: "TLSv1.2" } as const;
  assert.equal(await suiteWith(old), "ECDHE-ECDSA-AES256-GCM-SHA384");
  assert.equal(await suiteWith({ ...old, ciphers: "ECDHE-ECDSA-AES128-SHA" }), "ECDHE-ECDSA-AES128-SHA");
  assert.equal(await suiteWith({}), "TLS_AES_128_GCM_SHA256");
});

test("suites that the runtime has not leave TLS 1.3 alone", async (t) => {
  const { port } = await listen(t, { ciphers: cipherList(["TLS_RSA_WITH_RC4_128_SHA"]) });
  assert.equal((await connect(port, client)).text, "hello");
  assert.equal((await connect(port, client, { maxVersion: "TLSv1.2" })).text, "");
});

test("allowed names let in who has one of them", async (t) => {
  const named = await listen(t, { allowedCommonNames: ["x", "client"] });
  assert.equal((await connect(named.port, client)).text, "hello");
  const hosted = await listen(t, { allowedHostnames: ["client.example"] });
  assert.equal((await connect(hosted.port, client)).text, "hello");
});

test("who leaves during the handshake is told with its address, to those who debug", async (t) => {
  const { port, lines, lineCount } = await listen(t);
  const socket = net.connect(port, "127.0.0.1");
  await new Promise((resolve) => socket.once("connect", resolve));
  const { localPort } = socket;
  socket.end();
  await lineCount(1);
  assert.equal(lines[0]!.level, "debug");
  assert.equal(lines[0]!["remote-addr"], `127.0.0.1:${localPort}`);
});

/** As `until`, where timers stand still. */
async function untilInTurns(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    assert.ok(turns < 1_000_000, `waited in vain: ${condition}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const slow = [
  { name: "a handshake that takes too long is ended, and told", octets: [0x16, 3, 1], level: "warn" },
  { name: "one that does not even begin is ended, and told those who debug", octets: [], level: "debug" },
];
for (const { name, octets, level } of slow) {
  test(name, async (t) => {
    const { port, lines, sockets } = await listen(t);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const socket = net.connect(port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write(Buffer.from(octets));
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.resume();
    await untilInTurns(() => [...sockets].some(({ bytesRead }) => bytesRead === octets.length));
    t.mock.timers.tick(9_999);
    assert.equal(lines.length, 0);
    t.mock.timers.tick(1);
    await untilInTurns(() => lines.length === 1);
    await closed;
    assert.deepEqual([lines[0]!.level, lines[0]!.error], [level, "TLS handshake timeout"]);
  });
}

test("a hello that comes in pieces is one", async (t) => {
  const { port, sockets } = await listen(t);
  // Octet by octet, through somebody in between.
  const relay = net.createServer((near) => {
    const far = net.connect({ port, host: "127.0.0.1", noDelay: true });
    far.pipe(near);
    let sent = 0;
    near.on("data", (chunk: Buffer) => {
      for (const octet of chunk.subarray(0, 300 - sent)) far.write(Buffer.from([octet]));
      const rest = chunk.subarray(Math.max(0, 300 - sent));
      if (rest.length > 0) far.write(rest);
      sent += chunk.length;
    });
    for (const socket of [near, far]) socket.on("error", () => {});
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
  });
  await listenOnFreePort(relay);
  t.after(() => relay.close());
  assert.equal((await connect((relay.address() as net.AddressInfo).port, client)).text, "hello");
  assert.equal(sockets.size, 1);
});

/** A budget of which whatever is spent is a turn's, and what was spent in each turn. */
function countedTurns() {
  const counted = { inThisTurn: 0, mostInATurn: 0, inAll: 0 };
  const budget = new TurnBudget(1, (nextTurn) =>
    setImmediate(() => {
      counted.inThisTurn = 0;
      nextTurn();
    }),
  );
  const { spend } = budget;
  budget.spend = () => {
    counted.inAll++;
    counted.mostInATurn = Math.max(counted.mostInATurn, ++counted.inThisTurn);
    spend.call(budget, 1);
  };
  return { turns: new HandshakeTurns(budget), counted };
}

test("handshakes go on as the turn has room for them, and all to their end", async (t) => {
  const { turns, counted } = countedTurns();
  const { port } = await listen(t, {}, "client", turns);
  const answers = await Promise.all(Array.from({ length: 12 }, () => connect(port, client)));
  assert.deepEqual(new Set(answers.map(({ text }) => text)), new Set(["hello"]));
  // A first flight and a second one each, and what was let go on before its second had come.
  assert.ok(counted.inAll >= 24, `${counted.inAll} in all`);
  // One begins or goes on, and what has come by then of one that was let go on is read.
  assert.ok(counted.mostInATurn <= 3, `${counted.mostInATurn} in a turn`);
});

test("second flights that are held back and come all at once are read as turns have room for them", async (t) => {
  const { turns, counted } = countedTurns();
  const { port } = await listen(t, {}, "client", turns);
  // In between, who lets the first flight of each pass, and the others when all have been answered.
  const clients: (() => void)[] = [];
  const relay = net.createServer((near) => {
    const far = net.connect({ port, host: "127.0.0.1" });
    let isFirst = true;
    const later: Buffer[] = [];
    let isOpen = false;
    near.on("data", (chunk: Buffer) => {
      if (isFirst || isOpen) far.write(chunk);
      else later.push(chunk);
      isFirst = false;
    });
    far.on("data", (chunk: Buffer) => near.write(chunk));
    far.once("data", () =>
      clients.push(() => {
        isOpen = true;
        for (const chunk of later) far.write(chunk);
      }),
    );
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      socket.on("error", () => {});
      socket.on("close", () => other.destroy());
    }
  });
  await listenOnFreePort(relay);
  t.after(() => relay.close());
  const { port: relayed } = relay.address() as net.AddressInfo;
  const answers = Array.from({ length: 20 }, () => connect(relayed, client));
  await until(() => clients.length === 20);
  counted.mostInATurn = 0;
  for (const release of clients) release();
  assert.deepEqual(new Set((await Promise.all(answers)).map(({ text }) => text)), new Set(["hello"]));
  assert.ok(counted.mostInATurn <= 3, `${counted.mostInATurn} in a turn`);
});

test("who leaves while its second flight is held back keeps nobody else from going on", async (t) => {
  const { turns } = countedTurns();
  const { port, lineCount, sockets } = await listen(t, {}, "client", turns);
  const halves = Array.from({ length: 5 }, () => {
    const half = tls.connect({ host: "127.0.0.1", port, ca: ca.certPem });
    half.on("error", () => {});
    return half;
  });
  await until(() => sockets.size === 5);
  for (const half of halves) half.destroy();
  assert.equal((await connect(port, client)).text, "hello");
  await lineCount(5);
});

test("a pair of which one half has been replaced leaves the old one in use, until it is whole", async (t) => {
  const { port, lines, directory } = await listen(t, { requireClientCertificate: false });
  const next = makeCertificate({ commonName: "next", issuer: ca, names: ["127.0.0.1"] });
  const write = (name: string, text: string) => writeFileSync(path.join(directory, name), text);
  assert.equal((await connect(port)).serial, server.serial);
  write("cert.pem", next.certPem);
  for (let i = 0; i < 3; i++) assert.equal((await connect(port)).serial, server.serial);
  assert.deepEqual(
    lines.map(({ level, message }) => [level, message]),
    [["warn", "a replaced certificate cannot be used; the last one that worked stays in use"]],
  );
  assert.match(String(lines[0]!.error), /mismatch/);
  write("key.pem", next.keyPem);
  assert.equal((await connect(port)).serial, next.serial);
  write("cert.pem", "");
  assert.equal((await connect(port)).serial, next.serial);
  assert.equal(lines.length, 2);
  write("cert.pem", server.certPem);
  write("key.pem", server.keyPem);
  // With a name to select by, and without.
  assert.equal((await connect(port, undefined, { servername: "localhost" })).serial, server.serial);
  assert.equal((await connect(port)).serial, server.serial);
  assert.equal(lines.length, 2);
});

test("a CA bundle that is replaced decides from the next connection on; one of no use changes nothing, and is told once", async (t) => {
  const { port, lines, directory } = await listen(t);
  const bundle = path.join(directory, "ca.pem");
  const stranger = makeCertificate({ commonName: "stranger", issuer: strangeCa });
  const isServed = async (own: TestCertificate) => (await connect(port, own)).text === "hello";
  assert.deepEqual([await isServed(client), await isServed(stranger)], [true, false]);
  writeFileSync(bundle, ca.certPem + strangeCa.certPem);
  assert.deepEqual([await isServed(client), await isServed(stranger)], [true, true]);
  writeFileSync(bundle, strangeCa.certPem);
  assert.deepEqual([await isServed(client), await isServed(stranger)], [false, true]);
  const complaints = () =>
    lines.filter(({ message }) => message.startsWith("a replaced CA bundle")).map(({ error }) => error);
  assert.deepEqual(complaints(), []);
  const broken = [
    { content: strangeCa.keyPem, error: "it has a block that is no whole certificate" },
    { content: "", error: "there is no certificate in it" },
    {
      content: ca.certPem + strangeCa.certPem.slice(0, 200),
      error: "it has a block that is no whole certificate",
    },
  ];
  for (const { content } of broken) {
    writeFileSync(bundle, content);
    for (let i = 0; i < 2; i++) {
      assert.deepEqual([await isServed(client), await isServed(stranger)], [false, true]);
    }
  }
  assert.deepEqual(
    complaints(),
    broken.map(({ error }) => error),
  );
  writeFileSync(bundle, ca.certPem);
  assert.deepEqual([await isServed(client), await isServed(stranger)], [true, false]);
});

/** A connection that goes on with `session`, if it may, and what it gets for the next one: empty when nothing. */
function resume(port: number, session?: Buffer, options: tls.ConnectionOptions = {}) {
  return new Promise<{ reused: boolean; session: Buffer; text: string }>((resolve, reject) => {
    const socket = tls.connect({
      host: "127.0.0.1",
      port,
      ca: ca.certPem,
      ...(session === undefined ? {} : { session }),
      ...options,
    });
    let ticket: Buffer = Buffer.alloc(0);
    let reused = false;
    socket.once("secureConnect", () => {
      reused = socket.isSessionReused();
    });
    let text = "";
    socket.on("session", (next: Buffer) => {
      ticket = next;
    });
    socket.on("data", (chunk: Buffer) => {
      text += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve({ reused, session: ticket, text }));
  });
}

test("a session is resumed with a ticket also when the certificate has been replaced since", async (t) => {
  const { port, directory } = await listen(t, { requireClientCertificate: false });
  const first = await resume(port);
  assert.deepEqual([first.reused, first.text], [false, "hello"]);
  const next = makeCertificate({ commonName: "next", issuer: ca, names: ["127.0.0.1"] });
  writeFileSync(path.join(directory, "cert.pem"), next.certPem);
  writeFileSync(path.join(directory, "key.pem"), next.keyPem);
  assert.equal((await connect(port)).serial, next.serial);
  const second = await resume(port, first.session);
  assert.deepEqual([second.reused, second.text], [true, "hello"]);
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`whoever resumes a session can go on with it again, one time after the other: ${version}`, async (t) => {
    const { port } = await listen(t, { requireClientCertificate: false, minVersion: "TLSv1.2" });
    const options = { maxVersion: version };
    let { session } = await resume(port, undefined, options);
    for (let i = 0; i < 70; i++) {
      const next = await resume(port, session, options);
      assert.deepEqual([next.reused, next.text], [true, "hello"]);
      // Before 1.3 a ticket is good for many times.
      if (version === "TLSv1.2") continue;
      assert.ok(next.session.length > 0 && !next.session.equals(session));
      session = next.session;
    }
  });

  test(`a ticket that was sealed by nobody here is no ticket, and its bearer is served all the same: ${version}`, async (t) => {
    const [{ port }, other] = [
      await listen(t, { requireClientCertificate: false, minVersion: "TLSv1.2" }),
      await listen(t, { requireClientCertificate: false, minVersion: "TLSv1.2" }),
    ];
    const options = { maxVersion: version };
    const { session } = await resume(other.port, undefined, options);
    const answer = await resume(port, session, options);
    assert.deepEqual([answer.reused, answer.text], [false, "hello"]);
    assert.ok(answer.session.length > 0);
  });
}

test("who must show a certificate resumes nothing", async (t) => {
  const { port } = await listen(t);
  const options = { cert: client.certPem, key: client.keyPem };
  const { session } = await resume(port, undefined, options);
  const answer = await resume(port, session, options);
  assert.deepEqual([answer.reused, answer.text], [false, "hello"]);
});
