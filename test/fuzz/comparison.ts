/** The same inputs for a member of ours and a real etcd, one after another, and where their answers part. */
import assert from "node:assert/strict";
import http from "node:http";
import http2 from "node:http2";
import type { SeededRandom } from "@quorate/testkit/random";
import { Etcd } from "../../packages/testkit/src/grpc/grpc.ts";
import {
  type Answer,
  type Ask,
  type Asked,
  askGrpc,
  askJson,
  type Compared,
  type Granted,
  LOST,
} from "./asking.ts";
import { isComparable, isComparableJson, withoutHurry } from "./inputs/comparable.ts";
import { GrpcCalls } from "./inputs/grpc-calls.ts";
import { anyBody } from "./inputs/json-text.ts";
import { anyRoutedMethod, mayBeCompared } from "./inputs/methods.ts";
import { knownDifference } from "./known-differences.ts";

export interface Comparison {
  readonly inputs: number;
  /** By the name of the known difference. */
  readonly known: ReadonlyMap<string, number>;
  readonly differences: readonly string[];
  /** Inputs that both answered with OK. */
  readonly succeeded: number;
}

/** The ports of ours and of etcd. */
export type Ports = readonly [number, number];

/** When nobody has ended a call by then, and both have answered another one since, both wait. */
const BOTH_WAIT_MS = 20;
/** When one has ended it the other will, if it ever does: on a machine with much else to do, after a pause. */
const OTHER_WAITS_MS = 60_000;
/** So long at least before a call that one of the two leaves open is taken for a known difference. */
const KNOWN_AFTER_MS = 1_000;
const LOOK_EVERY_MS = 20;
/** What comes behind a difference may follow from it. */
const ENOUGH_DIFFERENCES = 20;
/** How often all of what the two hold is compared. */
const INPUTS_A_STATE = 250;
/** Leases that a run outlives end at another moment with each. */
const LONG_TTL_SECONDS = 3_600n;
const LASTING_LEASES = 8;
const CLUSTER_VERSION = "3.7.0";
const VERSION_WITHIN_MS = 60_000;

export async function compareGrpc(random: SeededRandom, inputs: number, ports: Ports): Promise<Comparison> {
  const ours = new Connection("ours", ports[0], false);
  const theirs = new Connection("etcd", ports[1], true);
  const calls = new GrpcCalls(random);
  const next = (): Compared => {
    for (;;) {
      const call = calls.next();
      if (isComparable(call)) {
        return {
          transport: "grpc",
          path: call.method.path,
          body: call.body,
          headers: withoutHurry(call.fields),
        };
      }
    }
  };
  const asks = [ours, theirs].map(
    (each): Ask =>
      (input) =>
        each.ask(input),
  );
  try {
    return await compareAll(next, inputs, asks, ports, () => theirs.isGone);
  } finally {
    for (const each of [ours, theirs]) each.close();
  }
}

/** Over which one of the two is asked. */
class Connection {
  readonly #side: string;
  readonly #port: number;
  readonly #isReplaced: boolean;
  #session: http2.ClientHttp2Session;
  /** What the server said of its end, and what went wrong. */
  #facts: string[] = [];

  /** `isReplaced`: one that is gone is no failure of who is asked. */
  constructor(side: string, port: number, isReplaced: boolean) {
    this.#side = side;
    this.#port = port;
    this.#isReplaced = isReplaced;
    this.#session = this.#connect();
  }

  get isGone(): boolean {
    return this.#session.closed || this.#session.destroyed;
  }

  ask(input: Compared): Asked {
    if (this.isGone) {
      if (!this.#isReplaced) {
        throw new Error([`the connection to ${this.#side} is gone`, ...this.#facts].join(", "));
      }
      this.#session = this.#connect();
    }
    return askGrpc(this.#session, input);
  }

  close(): void {
    this.#session.destroy();
  }

  #connect(): http2.ClientHttp2Session {
    const session = http2.connect(`http://127.0.0.1:${this.#port}`);
    const facts: string[] = [];
    session.on("goaway", (code, _, data) => facts.push(`GOAWAY ${code} ${data?.toString() ?? ""}`));
    session.on("error", (error) => facts.push(error.message));
    this.#facts = facts;
    return session;
  }
}

export async function compareJson(random: SeededRandom, inputs: number, ports: Ports): Promise<Comparison> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
  const next = (): Compared => {
    for (;;) {
      const method = anyRoutedMethod(random);
      const body = anyBody(random, method.request);
      if (!mayBeCompared(method) || !isComparableJson(method.name, body.toString())) continue;
      return { transport: "json", path: random.pick(method.httpPaths), body, headers: [] };
    }
  };
  const asks = ports.map(
    (port): Ask =>
      (input) =>
        askJson(agent, port, input),
  );
  try {
    return await compareAll(next, inputs, asks, ports);
  } finally {
    agent.destroy();
  }
}

async function compareAll(
  next: () => Compared,
  inputs: number,
  asks: readonly Ask[],
  ports: Ports,
  hasLostEtcd = () => false,
): Promise<Comparison> {
  const known = new Map<string, number>();
  const differences: string[] = [];
  let succeeded = 0;
  let before = "nothing";
  await using sides = new Sides(ports);
  await sides.areReady();
  for (let i = 0; i < inputs && differences.length < ENOUGH_DIFFERENCES; i++) {
    if (i % INPUTS_A_STATE === 0) await sides.grantLastingLeases();
    const input = next();
    const ask = () =>
      askBoth(input, asks, sides).catch((error: Error) => {
        throw new Error(
          `${error.message}; differences before: ${differences.join("\n")}; last asked: ${before}`,
        );
      });
    let [ours, theirs] = await ask();
    // The runtime's client and a stream that etcd ends while it is cancelled break a connection now and then: what comes of
    // the input is seen when both are asked again.
    if (mayWait(input) && hasLostEtcd()) [ours, theirs] = await ask();
    before = describe(input, ours, theirs);
    if (theirs.code === 0 && ours.code === 0) succeeded++;
    await sides.endPassingLeases([ours.granted, theirs.granted]);
    if (!isSame(ours, theirs)) {
      const name = knownDifference(input, ours, theirs);
      if (name !== undefined) known.set(name, (known.get(name) ?? 0) + 1);
      else differences.push(describe(input, ours, theirs));
    }
    if (i % INPUTS_A_STATE !== INPUTS_A_STATE - 1 && i < inputs - 1) continue;
    const [mine, other] = await sides.states();
    if (mine !== other)
      differences.push(`what is stored after ${i + 1} inputs\n    ours   ${mine}\n    theirs ${other}`);
  }
  return { inputs, known, differences, succeeded };
}

async function askBoth(
  input: Compared,
  asks: readonly Ask[],
  sides: Sides,
): Promise<readonly [Answer, Answer]> {
  const asked = asks.map((ask) => ask(input));
  const both = Promise.all(asked.map(({ ended }) => ended));
  const answers = (): readonly [Answer, Answer] => [asked[0]!.answer(), asked[1]!.answer()];
  try {
    if (mayWait(input) && !(await within(both, BOTH_WAIT_MS))) {
      await sides.answerSomething();
      if (answers().every(({ isOpen }) => isOpen)) return answers();
    }
    const startedAt = performance.now();
    while (!(await within(both, LOOK_EVERY_MS))) {
      const waitedMs = performance.now() - startedAt;
      if (waitedMs > OTHER_WAITS_MS) break;
      if (waitedMs > KNOWN_AFTER_MS && knownDifference(input, ...answers()) !== undefined) break;
    }
    return answers();
  } finally {
    for (const each of asked) each.cancel();
  }
}

/** Streams that the client ends. */
function mayWait({ path }: Compared): boolean {
  return /Watch|watch|KeepAlive|keepalive/.test(path);
}

async function within(promise: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, limitMs, false);
  });
  const result = await Promise.race([promise.then(() => true), timeout]);
  clearTimeout(timer);
  return result;
}

/** A client that behaves, of each of the two: it keeps them alike, and looks whether they are. */
class Sides {
  readonly #ports: Ports;
  readonly #clients: readonly Etcd[];

  constructor(ports: Ports) {
    this.#ports = ports;
    this.#clients = ports.map((port) => new Etcd(`127.0.0.1:${port}`));
  }

  /** A member that serves may not have told its cluster's version yet. */
  async areReady(): Promise<void> {
    const endsAt = performance.now() + VERSION_WITHIN_MS;
    for (const port of this.#ports) {
      for (;;) {
        const version = (await (await fetch(`http://127.0.0.1:${port}/version`)).json()) as {
          etcdcluster: string;
        };
        if (version.etcdcluster === CLUSTER_VERSION) break;
        assert.ok(performance.now() < endsAt, `the cluster's version is ${version.etcdcluster}`);
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    }
  }

  /** Resolves when both have: what was asked before has been heard by then. */
  async answerSomething(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.memberList({ linearizable: true })));
  }

  /** Leases for random requests to find, with the IDs that they name most often. */
  async grantLastingLeases(): Promise<void> {
    const TTL = 1e6;
    for (let ID = 1; ID <= LASTING_LEASES; ID++) {
      // There already, with both or with neither.
      await Promise.allSettled(this.#clients.map((client) => client.leaseGrant({ ID, TTL })));
    }
  }

  /**
   * Ends the leases that both have just granted when they would end by themselves, at another moment with each, or have IDs
   * that each has made up. Nothing is attached to them yet.
   */
  async endPassingLeases([ours, theirs]: readonly [Granted | undefined, Granted | undefined]): Promise<void> {
    const lasts = ours?.id === theirs?.id && (ours?.ttlSeconds ?? 0n) >= LONG_TTL_SECONDS;
    if (lasts) return;
    for (const [i, lease] of [ours, theirs].entries()) {
      if (lease === undefined) continue;
      // One of two seconds may have ended while the member could not run.
      await this.#clients[i]!.leaseRevoke({ ID: lease.id }).catch((error: Error) =>
        assert.match(error.message, /lease not found/),
      );
    }
  }

  /** What each holds, in a form that can be compared. */
  async states(): Promise<readonly string[]> {
    return Promise.all(
      this.#clients.map(async (client) => {
        const { header, hash, compact_revision } = await client.hashKv({});
        const leases = (await client.leaseLeases({})).leases.map(({ ID }) => ID);
        return `revision ${header?.revision}, compacted ${compact_revision}, hash ${hash}, leases ${leases.toSorted()}`;
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
  }
}

function isSame(a: Answer, b: Answer): boolean {
  return (
    a.httpStatus === b.httpStatus && a.code === b.code && a.message === b.message && a.isOpen === b.isOpen
  );
}

export function describe({ path, body, headers, transport }: Compared, ours: Answer, theirs: Answer): string {
  const text = transport === "json" ? body.toString() : body.toString("hex");
  const odd = headers.slice(6).map(([name, value]) => `${name}: ${value.slice(0, 60)}`);
  return `${path} {${odd.join(", ")}} ${text.slice(0, 600)}\n    ours   ${print(ours)}\n    theirs ${print(theirs)}`;
}

function print({ httpStatus, code, message, isOpen }: Answer): string {
  if (isOpen) return "stays open";
  return code === LOST
    ? "the connection was lost"
    : `HTTP ${httpStatus}, code ${code}, ${JSON.stringify(message)}`;
}
