/** What `etcdctl` makes of servers that answer with nonsense: an error in a line and an exit code, never a stack trace. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import http from "node:http";
import http2 from "node:http2";
import net from "node:net";
import path from "node:path";
import readline from "node:readline";
import { after, before, describe, test } from "node:test";
import { listenOnFreePort } from "@quorate/testkit/ports";
import { killAtExit, Server, temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { searchRuns, testWithSeed } from "@quorate/testkit/seed";

interface Result {
  readonly code?: number;
  readonly thrown?: string;
  readonly waits?: true;
  readonly stdout: string;
  readonly stderr: string;
}

const CHILD = path.join(import.meta.dirname, "lines-child.testing.ts");
/** Lines that try again and again wait no longer than that, and others longer than anything takes. */
const PATIENCE_MS = 300;
const LONGEST_MS = 120_000;
/** They wait most of the time. */
const AT_A_TIME = 8;
const folder = temporaryDir("hostile");
/** Each asks a server, in every way there is. */
const LINES: readonly (readonly string[])[] = [
  ["get", "k"],
  ["get", "k", "-w", "json"],
  ["get", "k", "-w", "fields"],
  ["get", "k", "--stream"],
  ["get", "k", "--decode=auto"],
  ["put", "k", "v", "--prev-kv", "-w", "fields"],
  ["del", "k", "--prev-kv"],
  ["txn"],
  ["compaction", "3"],
  ["watch", "k", "--rev", "1"],
  ["watch", "k", "--rev", "1", "--watch-only-changes"],
  ["lease", "grant", "10"],
  ["lease", "revoke", "10"],
  ["lease", "timetolive", "10", "--keys"],
  ["lease", "list"],
  ["lease", "keep-alive", "10", "--once"],
  ["member", "list", "-w", "table"],
  ["member", "add", "x", "--peer-urls", "http://a:1"],
  ["member", "update", "1", "--peer-urls", "http://a:1"],
  ["member", "promote", "1"],
  ["member", "remove", "1"],
  ["endpoint", "status"],
  ["endpoint", "status", "--cluster", "-w", "json"],
  ["endpoint", "health"],
  ["endpoint", "hashkv", "-w", "fields"],
  ["alarm", "list"],
  ["alarm", "disarm"],
  ["defrag"],
  ["move-leader", "1"],
  ["downgrade", "validate", "3.6"],
  ["snapshot", "save", "{file}"],
  ["auth", "enable"],
  ["auth", "disable"],
  ["auth", "status", "-w", "json"],
  ["user", "add", "u:p"],
  ["user", "get", "u", "--detail"],
  ["user", "list"],
  ["user", "grant-role", "u", "r"],
  ["role", "add", "r"],
  ["role", "get", "r"],
  ["role", "list", "-w", "fields"],
  ["role", "grant-permission", "r", "read", "k"],
  ["lock", "l", "true"],
  ["elect", "e", "p"],
  ["check", "datascale"],
  ["make-mirror", "127.0.0.1:1"],
  ["--user", "u:p", "get", "k"],
  ["tree"],
  ["du", "--history"],
  ["history", "k"],
  ["diff", "2", "3"],
  ["dump"],
  ["top", "--interval", "50ms"],
];

const GRPC = { ":status": 200, "content-type": "application/grpc" };
const frame = (body: Uint8Array, length = body.length, flags = 0) => {
  const head = Buffer.alloc(5);
  head[0] = flags;
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, body]);
};

/** Answers a call with these bytes, and this status unless there is to be none. */
function answer(stream: http2.ServerHttp2Stream, body: Uint8Array, status: object | undefined): void {
  stream.respond(GRPC, { waitForTrailers: status !== undefined });
  stream.once("wantTrailers", () => stream.sendTrailers({ ...status }));
  stream.end(body);
}

const OK = { "grpc-status": "0" };
const EMPTY = frame(Buffer.alloc(0));
/** In field 1 of nearly every answer is its header, or something with a length. */
const HEADER_TOO_LONG = frame(Buffer.from([0x0a, 0x7f, 0x08]));
const ENDLESS_VARINT = frame(Buffer.alloc(11, 0xff));
const GROUPS = frame(Buffer.alloc(1_000, 0x0b));
/** Every field up to the 15th is an empty message, text or list item. */
const ALL_EMPTY = frame(
  Buffer.concat(Array.from({ length: 15 }, (_, i) => Buffer.from([((i + 1) << 3) | 2, 0]))),
);
/** And every one a number as large as can be. */
const ALL_LARGE = frame(
  Buffer.concat(
    Array.from({ length: 15 }, (_, i) => Buffer.from([(i + 1) << 3, ...Buffer.alloc(9, 0xff), 0x01])),
  ),
);

type Hostile = (stream: http2.ServerHttp2Stream) => void;
const CALLS: Readonly<Record<string, Hostile>> = {
  "an empty message": (stream) => answer(stream, EMPTY, OK),
  "a message of empty fields": (stream) => answer(stream, ALL_EMPTY, OK),
  "a message of the largest numbers": (stream) => answer(stream, ALL_LARGE, OK),
  "no message at all": (stream) => answer(stream, Buffer.alloc(0), OK),
  "two messages": (stream) => answer(stream, Buffer.concat([EMPTY, EMPTY]), OK),
  "a header that is longer than its message": (stream) => answer(stream, HEADER_TOO_LONG, OK),
  "a number without an end": (stream) => answer(stream, ENDLESS_VARINT, OK),
  "groups in groups": (stream) => answer(stream, GROUPS, OK),
  "a message that is longer than what comes": (stream) => answer(stream, frame(Buffer.alloc(3), 1_000), OK),
  "a message of 4 GiB": (stream) => answer(stream, frame(Buffer.alloc(3), 0xffff_ffff), OK),
  "a message that is compressed": (stream) => answer(stream, frame(Buffer.alloc(3), 3, 1), OK),
  "no status": (stream) => answer(stream, EMPTY, undefined),
  "a status that is no number": (stream) => answer(stream, EMPTY, { "grpc-status": "fine" }),
  "a status that there is none of": (stream) =>
    answer(stream, Buffer.alloc(0), { "grpc-status": "99", "grpc-message": "%zz%00%1b[2J" }),
  "another content type": (stream) => {
    stream.respond({ ":status": 200, "content-type": "text/html" });
    stream.end("<html>hello</html>");
  },
  "HTTP status 500": (stream) => {
    stream.respond({ ":status": 500 });
    stream.end("oops");
  },
  "a reset": (stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR),
  "the end of the connection": (stream) => {
    stream.respond(GRPC);
    stream.session?.destroy();
  },
};

const SERVERS: Readonly<Record<string, () => net.Server>> = {
  ...Object.fromEntries(
    Object.entries(CALLS).map(([name, hostile]) => [
      name,
      () => {
        const server = http2.createServer();
        server.on("stream", (stream: http2.ServerHttp2Stream) => {
          stream.on("error", () => {});
          hostile(stream);
        });
        server.on("sessionError", () => {});
        return server as net.Server;
      },
    ]),
  ),
  "HTTP/1.1": () => http.createServer((_, response) => response.end("hello")),
  noise: () => net.createServer((socket) => socket.on("error", () => {}).end(Buffer.alloc(70_000, 0x47))),
  "frames of 16 MiB": () =>
    net.createServer((socket) => socket.on("error", () => {}).write(Buffer.alloc(4_096, 0xff))),
};

/** A process that runs lines one after another. */
class Lines implements Disposable {
  readonly #child: ChildProcess;
  readonly #results: AsyncIterator<string>;

  constructor() {
    this.#child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", CHILD], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    killAtExit(this.#child);
    this.#results = readline.createInterface({ input: this.#child.stdout! })[Symbol.asyncIterator]();
  }

  async run(words: readonly string[]): Promise<Result> {
    const patienceMs = WITHOUT_DEADLINE.test(words.join(" ")) ? PATIENCE_MS : LONGEST_MS;
    this.#child.stdin!.write(`${JSON.stringify({ words, patienceMs })}\n`);
    const { done, value } = await this.#results.next();
    assert.ok(done !== true, `the process ended with ${words.join(" ")}`);
    return JSON.parse(value) as Result;
  }

  [Symbol.dispose](): void {
    this.#child.kill("SIGKILL");
  }
}

/** As etcdctl has it: they try again for as long as it takes. */
const WITHOUT_DEADLINE =
  /\b(watch|txn|lease|lock|elect|make-mirror|role|user|check|du --history|history|top|endpoint status --cluster)/;
/** Lines that are right to say that all is well, when each answer is an empty one. */
const MAY_SUCCEED = new Set([
  "an empty message",
  "a message of empty fields",
  "a message of the largest numbers",
  "two messages",
]);

describe("no line ends with a stack trace", { concurrency: AT_A_TIME }, () => {
  for (const [name, make] of Object.entries(SERVERS))
    test(`asking a server that answers with ${name}`, async (t) => {
      const server = make();
      const port = await listenOnFreePort(server);
      const sockets = new Set<net.Socket>();
      server.on("connection", (socket: net.Socket) => {
        sockets.add(socket);
        socket.once("close", () => sockets.delete(socket));
      });
      t.after(() => {
        server.close();
        for (const socket of sockets) socket.destroy();
      });
      using lines = new Lines();
      const snapshot = path.join(folder, `${name.replaceAll(/\W/g, "-")}.db`);
      const shared = [
        "--endpoints",
        `127.0.0.1:${port}`,
        "--command-timeout",
        "300ms",
        "--dial-timeout",
        "300ms",
      ];
      const problems: string[] = [];
      for (const line of LINES) {
        const words = line.map((word) => word.replace("{file}", snapshot));
        const problem = problemOf(name, line.join(" "), await lines.run([...shared, ...words]));
        if (problem !== undefined) problems.push(`${line.join(" ")}: ${problem}`);
      }
      assert.deepEqual(problems, []);
      assert.equal(existsSync(snapshot), false);
    });
});

/** What is wrong with how a line has ended; undefined when nothing is. */
function problemOf(
  answer: string,
  line: string,
  { code, thrown, waits, stdout, stderr }: Result,
): string | undefined {
  if (thrown !== undefined) return thrown;
  if (waits === true) return WITHOUT_DEADLINE.test(line) ? undefined : "it does not end";
  const mayBeNothing = line.includes("--stream") && answer === "no message at all";
  if (code === 0)
    return MAY_SUCCEED.has(answer) || mayBeNothing ? undefined : `it says that all is well: ${stdout}`;
  const told = stderr + stdout;
  if (told === "") return "it says nothing";
  return /^ {4}at |TypeError|undefined|\[object/m.test(told) ? told : undefined;
}

/** Stands between a line and a member, and passes answers on as `damage` says, which is told how many bytes came before. */
async function damagingProxy(
  member: number,
  damage: (answer: Buffer, before: number) => Buffer | "cut",
): Promise<{ port: number; [Symbol.dispose](): void }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    const target = net.connect(member, "127.0.0.1");
    for (const each of [socket, target]) {
      sockets.add(each);
      each.on("error", () => {});
      each.once("close", () => {
        socket.destroy();
        target.destroy();
      });
    }
    socket.pipe(target);
    let before = 0;
    target.on("data", (answer: Buffer) => {
      const damaged = damage(answer, before);
      before += answer.length;
      if (damaged === "cut") socket.destroy();
      else socket.write(damaged);
    });
  });
  const port = await listenOnFreePort(server);
  return {
    port,
    [Symbol.dispose]() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Each of its own prints something of an honest member. */
const HONEST: readonly (readonly string[])[] = [
  ["get", "", "--prefix"],
  ["get", "k", "-w", "json"],
  ["get", "", "--prefix", "--stream"],
  ["member", "list", "-w", "table"],
  ["dump"],
  ["tree"],
  ["snapshot", "save", "{file}"],
];
const CUTS = [0, 1, 8, 9, 30, 60, 100, 200, 500, 2_000, 9_000];

let member: Server;
before(async () => {
  const command = [path.join(import.meta.dirname, "../../../bin/etcd")];
  member = await Server.start({ command, startTimeoutMs: LONGEST_MS });
  using lines = new Lines();
  for (const key of ["k", "l", "m"]) await askAt(lines, member.clientPort, ["put", key, key.repeat(3_000)]);
});
after(() => member.kill());

function askAt(lines: Lines, port: number, words: readonly string[], file = ""): Promise<Result> {
  // What is cut is asked for again, as long as there is time.
  const patience = port === member.clientPort ? "100s" : "300ms";
  const shared = ["--endpoints", `127.0.0.1:${port}`, "--command-timeout", patience];
  return lines.run([...shared, ...words.map((word) => word.replace("{file}", file))]);
}

describe("an answer that is cut off is never taken for a whole one", { concurrency: AT_A_TIME }, () => {
  for (const words of HONEST)
    test(words.join(" "), async () => {
      using lines = new Lines();
      const scratch = path.join(folder, words.join("-").replaceAll(/\W/g, "-"));
      const file = `${scratch}.db`;
      const honest = await askAt(lines, member.clientPort, words, file);
      assert.equal(honest.code, 0);
      for (const length of CUTS) {
        using proxy = await damagingProxy(member.clientPort, (answer, before) =>
          before + answer.length > length ? "cut" : answer,
        );
        writeFileSync(file, "what was there before");
        const { code, thrown, stdout, stderr } = await askAt(lines, proxy.port, words, file);
        const told = `cut after ${length} bytes: ${stderr}`;
        assert.equal(thrown, undefined, told);
        if (code === 0) {
          assert.equal(stdout, honest.stdout, told);
          continue;
        }
        assert.match(stderr, /^Error: .+\n$/, told);
        assert.equal(readFileSync(file, "utf8"), "what was there before", told);
        assert.equal(existsSync(`${file}.part`), false, told);
      }
    });
});

testWithSeed("an answer in which a bit is flipped ends with an error, if at all", async (seed) => {
  const random = new SeededRandom(seed);
  using lines = new Lines();
  for (let i = 0; i < searchRuns(40, 2_000); i++) {
    const words = HONEST[random.below(HONEST.length)]!;
    const at = random.below(3_000);
    const bit = 1 << random.below(8);
    using proxy = await damagingProxy(member.clientPort, (answer, before) => {
      if (at >= before && at < before + answer.length) answer[at - before]! ^= bit;
      return answer;
    });
    const { code, thrown, waits, stderr } = await askAt(
      lines,
      proxy.port,
      words,
      path.join(folder, "flipped"),
    );
    const told = `${words.join(" ")}, bit ${bit} of byte ${at}`;
    assert.deepEqual([thrown, waits], [undefined, undefined], told);
    // What was flipped may have been part of a value: nothing says so then.
    if (code !== 0) assert.match(stderr, /^Error: .+\n$/, told);
  }
});
