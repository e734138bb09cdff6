/** The same octets on a fresh connection to a member of ours and to a real etcd, and where what becomes of them parts. */

import http from "node:http";
import https from "node:https";
import net from "node:net";
import tls from "node:tls";
import { SeededRandom } from "@quorate/testkit/random";
import { anyHttp1Request } from "./inputs/http1-requests.ts";
import { greeting, Http2Frames } from "./inputs/http2-frames.ts";
import { anyRoutedReading } from "./inputs/methods.ts";
import { knownOutcome } from "./known-outcomes.ts";
import { http1Outcome, http2Outcome, type Outcome, type Reader } from "./outcomes.ts";

export interface Protocol {
  readonly http: 1 | 2;
  readonly isSecure: boolean;
}

export interface OutcomeComparison {
  readonly inputs: number;
  readonly known: ReadonlyMap<string, number>;
  readonly differences: readonly string[];
  /** How often each outcome was the same with both. */
  readonly same: ReadonlyMap<string, number>;
}

/** Inputs that are on their way at the same time. */
const LANES = 6;
/** After both have answered something that was asked later. */
const QUIET_MS = 15;
/** An outcome that a known difference explains may still be on its way for so long. */
const KNOWN_AFTER_MS = 400;
/** The two may take as long as this to come to the same end: on a machine with much else to do, after a pause. */
const SAME_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 25;
const ENOUGH_DIFFERENCES = 20;

/** `ports`: ours and etcd's. */
export async function compareConnections(
  random: SeededRandom,
  inputs: number,
  ports: readonly [number, number],
  protocol: Protocol,
): Promise<OutcomeComparison> {
  const known = new Map<string, number>();
  const same = new Map<string, number>();
  const differences: string[] = [];
  const seeds = Array.from({ length: inputs }, () => random.next());
  const lane = async (): Promise<void> => {
    for (;;) {
      const seed = seeds.pop();
      if (seed === undefined || differences.length >= ENOUGH_DIFFERENCES) return;
      const input = anyInput(new SeededRandom(seed), protocol);
      const [ours, theirs] = await sayToBoth(input, ports, protocol);
      const fact = `${ours.join("; ")}`;
      if (isSame(ours, theirs)) {
        same.set(fact, (same.get(fact) ?? 0) + 1);
        continue;
      }
      const name = knownOutcome({ input, protocol, ours, theirs });
      if (name !== undefined) known.set(name, (known.get(name) ?? 0) + 1);
      else differences.push(describe(input, protocol, ours, theirs));
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { inputs, known, differences, same };
}

function anyInput(random: SeededRandom, { http: version }: Protocol): Buffer {
  if (version === 1) {
    const parts = [anyHttp1Request(random, [], anyRoutedReading)];
    if (random.chance(0.2)) parts.push(anyHttp1Request(random, parts, anyRoutedReading));
    // As long, but with time enough.
    return Buffer.from(
      Buffer.concat(parts).toString("latin1").replaceAll("Grpc-Timeout: 1S", "Grpc-Timeout: 1H"),
      "latin1",
    );
  }
  const frames = new Http2Frames(random, { isCompared: true });
  const count = random.between(1, 5);
  return Buffer.concat([greeting(random), ...Array.from({ length: count }, () => frames.next())]);
}

async function sayToBoth(
  input: Buffer,
  ports: readonly [number, number],
  protocol: Protocol,
): Promise<readonly [Outcome, Outcome]> {
  const talks = await Promise.all(ports.map((port) => Talk.begin(port, protocol)));
  const outcomes = (): readonly [Outcome, Outcome] => [talks[0]!.outcome(), talks[1]!.outcome()];
  try {
    for (const talk of talks) talk.say(input);
    const startedAt = performance.now();
    await Promise.all(ports.map((port) => askVersion(port, protocol)));
    await wait(QUIET_MS);
    for (;;) {
      const [ours, theirs] = outcomes();
      const waitedMs = performance.now() - startedAt;
      if (isSame(ours, theirs) || waitedMs > SAME_WITHIN_MS) return [ours, theirs];
      if (waitedMs > KNOWN_AFTER_MS && knownOutcome({ input, protocol, ours, theirs }) !== undefined)
        return [ours, theirs];
      await wait(LOOK_EVERY_MS);
    }
  } finally {
    for (const talk of talks) talk.leave();
  }
}

/** One connection on which all is said at once. */
class Talk {
  readonly #socket: net.Socket;
  readonly #read: Reader;
  readonly #received: Buffer[] = [];
  #isClosed = false;

  private constructor(socket: net.Socket, read: Reader) {
    this.#socket = socket;
    this.#read = read;
    socket.on("data", (chunk: Buffer) => this.#received.push(chunk));
    const closed = (): void => {
      this.#isClosed = true;
    };
    socket.on("end", closed);
    socket.on("close", closed);
  }

  /** Resolves when the connection stands. */
  static begin(port: number, { http: version, isSecure }: Protocol): Promise<Talk> {
    const options = { port, host: "127.0.0.1", noDelay: true };
    return new Promise((resolve, reject) => {
      const socket = isSecure
        ? tls.connect({
            ...options,
            rejectUnauthorized: false,
            ALPNProtocols: [version === 1 ? "http/1.1" : "h2"],
          })
        : net.connect(options);
      const talk = new Talk(socket, version === 1 ? http1Outcome : http2Outcome);
      // A connection that the server resets has been closed.
      socket.on("error", reject);
      socket.on(isSecure ? "secureConnect" : "connect", () => resolve(talk));
    });
  }

  say(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  outcome(): Outcome {
    return this.#read(Buffer.concat(this.#received), this.#isClosed);
  }

  leave(): void {
    this.#socket.destroy();
  }
}

const AGENTS = { plain: new http.Agent(), secure: new https.Agent() };

/** What was said before on other connections has been heard when this is answered. */
function askVersion(port: number, { isSecure }: Protocol): Promise<void> {
  return new Promise((resolve, reject) => {
    const options = {
      port,
      host: "127.0.0.1",
      path: "/version",
      agent: isSecure ? AGENTS.secure : AGENTS.plain,
    };
    const heard = (response: http.IncomingMessage): void => {
      response.on("end", resolve);
      response.resume();
    };
    const request = isSecure
      ? https.get({ ...options, rejectUnauthorized: false }, heard)
      : http.get(options, heard);
    request.on("error", reject);
  });
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function isSame(a: Outcome, b: Outcome): boolean {
  return a.length === b.length && a.every((fact, i) => fact === b[i]);
}

function describe(
  input: Buffer,
  { http: version, isSecure }: Protocol,
  ours: Outcome,
  theirs: Outcome,
): string {
  const text =
    version === 1
      ? JSON.stringify(input.toString("latin1").slice(0, 500))
      : input.toString("hex").slice(0, 1000);
  return `HTTP/${version}${isSecure ? " with TLS" : ""} ${text}\n    ours   ${ours.join("; ")}\n    theirs ${theirs.join("; ")}`;
}
