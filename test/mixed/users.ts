/** Users of a cluster of both kinds of members: each of them decides about every entry, and all must decide alike. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import grpc from "@grpc/grpc-js";
import { Etcd, EtcdError } from "@quorate/testkit/grpc";
import { Server } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { decode, encode } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  AuthenticateResponseSchema,
  AuthRoleAddRequestSchema,
  AuthRoleGetRequestSchema,
  AuthRoleGrantPermissionRequestSchema,
  AuthRoleRevokePermissionRequestSchema,
  AuthUserAddRequestSchema,
  AuthUserGrantRoleRequestSchema,
  AuthUserRevokeRoleRequestSchema,
  RangeRequestSchema,
  TxnRequestSchema,
} from "@quorate/wire/etcdserverpb";
import { ETCD, QUORATE, tools, whyMissing } from "./programs.ts";
import type { Amounts } from "./suite.ts";

const skip = whyMissing("etcd") ?? false;
/** What users ask for between two changes, of both members at once. */
const CASES_AT_ONCE = 8;
const UNAVAILABLE = 14;
const MAX_ATTEMPTS = 4;
const ROLES = ["r1", "r2", "r3"];
const OPEN = "\0";
/** With timeouts of a machine that has much else to do: this is about verdicts. */
const ARGS = ["--bcrypt-cost", "4", "--election-timeout", "5000"];
const START = { startTimeoutMs: 60_000 };
const NO_MESSAGE = Buffer.alloc(0);
const LINEARIZABLE_READ = encode(RangeRequestSchema, { key: Buffer.from("a") });

/** What a member answers: the bytes of the response without its header's, or why there is none. */
type Verdict = string;

class AskedMember {
  readonly #etcd: Etcd;
  readonly #endpoint: string;

  constructor(server: Server) {
    this.#endpoint = server.endpoint;
    this.#etcd = new Etcd(server.endpoint);
  }

  async ask(method: string, message: Uint8Array, token?: string): Promise<Buffer> {
    const metadata = new grpc.Metadata();
    if (token !== undefined) metadata.set("token", token);
    return this.#etcd.raw(`/etcdserverpb.${method}`, Buffer.from(message), { metadata });
  }

  /** What is unavailable, as the cluster has just got a leader, is asked again. */
  async verdict(method: string, message: Uint8Array, token?: string): Promise<Verdict> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.ask(method, message, token);
        return "done";
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        if (error.code !== UNAVAILABLE || attempt === MAX_ATTEMPTS) return `${error.code} ${error.details}`;
      }
    }
  }

  async must(method: string, message: Uint8Array): Promise<void> {
    assert.equal(await this.verdict(method, message), "done", method);
  }

  async login(name: string, password: string): Promise<string> {
    const request = encode(AuthenticateRequestSchema, { name, password });
    return decode(AuthenticateResponseSchema, await this.ask("Auth/Authenticate", request)).token;
  }

  tool(...args: string[]): string {
    return execFileSync(tools.etcdctl, ["--endpoints", this.#endpoint, ...args], { encoding: "utf8" });
  }

  close(): void {
    this.#etcd.close();
  }
}

/** A key of few, so that permissions meet; sometimes of two letters. */
function key(random: SeededRandom): string {
  const letter = () => String.fromCharCode(0x61 + random.below(8));
  return random.below(4) === 0 ? letter() + letter() : letter();
}

function rangeEnd(random: SeededRandom): string {
  const kind = random.below(6);
  return kind === 0 ? "" : kind === 1 ? OPEN : key(random);
}

/** A change of what users may do, as root makes it. Most are possible. */
function change(random: SeededRandom): readonly [method: string, message: Uint8Array] {
  const role = ROLES[random.below(ROLES.length)]!;
  const keys = { key: Buffer.from(key(random)), rangeEnd: Buffer.from(rangeEnd(random)) };
  switch (random.below(8)) {
    case 0:
      return ["Auth/UserGrantRole", encode(AuthUserGrantRoleRequestSchema, { user: "u", role })];
    case 1:
      return ["Auth/UserRevokeRole", encode(AuthUserRevokeRoleRequestSchema, { name: "u", role })];
    case 2:
      return ["Auth/RoleRevokePermission", encode(AuthRoleRevokePermissionRequestSchema, { role, ...keys })];
    default: {
      const perm = { permType: random.below(3), ...keys };
      return ["Auth/RoleGrantPermission", encode(AuthRoleGrantPermissionRequestSchema, { name: role, perm })];
    }
  }
}

/** A read, or a transaction of a put and a deletion, of any interval: also of those that are empty or the wrong way round. */
function request(random: SeededRandom): readonly [method: string, message: Uint8Array] {
  const keys = () => ({ key: Buffer.from(key(random)), rangeEnd: Buffer.from(rangeEnd(random)) });
  if (random.below(3) === 0) return ["KV/Range", encode(RangeRequestSchema, keys())];
  const put = { key: Buffer.from(`${key(random)}-`), value: Buffer.from(String(random.below(1_000))) };
  const requestDeleteRange = { ...keys(), prevKv: random.below(2) === 0 };
  const txn = {
    compare: random.below(2) === 0 ? [keys()] : [],
    success: [
      { request: { case: "requestPut" as const, value: put } },
      { request: { case: "requestRange" as const, value: keys() } },
    ],
    failure: [{ request: { case: "requestDeleteRange" as const, value: requestDeleteRange } }],
  };
  return ["KV/Txn", encode(TxnRequestSchema, txn)];
}

export function users({ cases }: Amounts): void {
  testWithSeed("members of both kinds come to the same verdicts about users", { skip }, async (seed) => {
    const random = new SeededRandom(seed);
    await using first = await Server.start({ command: ETCD.command, name: "m1", args: ARGS, ...START });
    const theirs = new AskedMember(first);
    const args = [...ARGS, "--initial-cluster-state", "existing"];
    await using second = await Server.create({ command: QUORATE.command, name: "m2", args, ...START });
    const peerUrl = `http://127.0.0.1:${second.peerPort}`;
    args.push("--initial-cluster", `m1=http://127.0.0.1:${first.peerPort},m2=${peerUrl}`);
    theirs.tool("member", "add", "m2", "--peer-urls", peerUrl);
    await second.start();
    const ours = new AskedMember(second);
    try {
      await compare(random, cases, theirs, ours);
    } finally {
      theirs.close();
      ours.close();
    }
  });
}

async function compare(
  random: SeededRandom,
  cases: number,
  theirs: AskedMember,
  ours: AskedMember,
): Promise<void> {
  const both = [theirs, ours];
  const either = () => both[random.below(both.length)]!;
  for (const name of ["root", "u"]) {
    await either().must("Auth/UserAdd", encode(AuthUserAddRequestSchema, { name, password: `pw-${name}` }));
  }
  await either().must(
    "Auth/UserGrantRole",
    encode(AuthUserGrantRoleRequestSchema, { user: "root", role: "root" }),
  );
  for (const name of ROLES) await either().must("Auth/RoleAdd", encode(AuthRoleAddRequestSchema, { name }));
  await either().must("Auth/AuthEnable", NO_MESSAGE);
  const root = await either().login("root", "pw-root");
  const user = await either().login("u", "pw-u");
  const counts = new Map<string, number>();
  for (let asked = 0; asked < cases; asked += CASES_AT_ONCE) {
    const [changing, changed] = change(random);
    await either().verdict(changing, changed, root);
    // A member that has still to apply the change sends on what it allowed before, and the cluster refuses that as old.
    await Promise.all(both.map((member) => member.ask("KV/Range", LINEARIZABLE_READ, root)));
    const requests = Array.from({ length: CASES_AT_ONCE }, () => {
      const [method, message] = request(random);
      return { method, message, token: [user, user, user, root, undefined, "x.1"][random.below(6)] };
    });
    const verdictsOf = (member: AskedMember) =>
      Promise.all(requests.map(({ method, message, token }) => member.verdict(method, message, token)));
    const [right, found] = await Promise.all([verdictsOf(theirs), verdictsOf(ours)]);
    for (const [i, { method, message }] of requests.entries()) {
      const which = `case ${asked + i}: ${method} ${Buffer.from(message).toString("hex")}`;
      assert.equal(found[i], right[i], which);
      counts.set(right[i]!, (counts.get(right[i]!) ?? 0) + 1);
    }
  }
  // Neither refused everything nor let everybody do all.
  for (const verdict of ["done", "7 etcdserver: permission denied", "3 etcdserver: user name is empty"]) {
    assert.ok((counts.get(verdict) ?? 0) > 5, `${verdict}: ${counts.get(verdict)}`);
  }
  for (const role of ROLES) {
    const message = encode(AuthRoleGetRequestSchema, { role });
    const [a, b] = await Promise.all(both.map((member) => member.ask("Auth/RoleGet", message, root)));
    assert.equal(withoutHeader(b!), withoutHeader(a!), role);
  }
  const hashes = both.map((member) => {
    const printed = member.tool("--user", "root:pw-root", "endpoint", "hashkv", "-w", "json");
    return (JSON.parse(printed) as { HashKV: { hash: number } }[])[0]?.HashKV.hash;
  });
  assert.equal(hashes[1], hashes[0]);
  const [a, b] = await Promise.all(both.map((member) => member.ask("Auth/AuthStatus", NO_MESSAGE, root)));
  assert.equal(withoutHeader(b!), withoutHeader(a!));
}

/** What follows the header, which is the first field and shorter than 128 bytes. */
function withoutHeader(response: Buffer): string {
  assert.equal(response[0], 0x0a);
  return response.subarray(2 + response[1]!).toString("hex");
}
