/** Which RPCs are asked for, and how often. */

import type { SeededRandom } from "@quorate/testkit/random";
import { METHODS, type Method } from "@quorate/wire";

/** By name, where it is not 1. What hinders all others for a while, or takes long, is seldom. */
const WEIGHTS: Readonly<Record<string, number>> = {
  Range: 8,
  Put: 8,
  DeleteRange: 4,
  Txn: 10,
  Compact: 2,
  RangeStream: 2,
  LeaseGrant: 2,
  Watch: 3,
  Alarm: 0.01,
  Downgrade: 0.05,
  Snapshot: 0.01,
  Defragment: 0.01,
  Hash: 0.1,
  HashKV: 0.3,
};

const weighted = (methods: readonly Method[]): (readonly [number, Method])[] =>
  methods.map((method) => [WEIGHTS[method.name] ?? (mayBeCompared(method) ? 1 : 0.1), method]);

/** Not locks and elections, whose keys name leases that each server draws, nor what changes users. */
export function mayBeCompared({ service, name }: Method): boolean {
  if (/^v3(lock|election)pb\./.test(service)) return false;
  return service !== "etcdserverpb.Auth" || name === "Authenticate" || name === "AuthStatus";
}

const ALL = weighted([...METHODS.values()]);
const ROUTED = weighted([...METHODS.values()].filter((method) => method.httpPaths.length > 0));

export function anyMethod(random: SeededRandom): Method {
  return random.weighted(ALL);
}

/** One that the JSON gateway has. */
export function anyRoutedMethod(random: SeededRandom): Method {
  return random.weighted(ROUTED);
}

const READING = new Set(
  "Range RangeStream Status HashKV LeaseLeases LeaseTimeToLive MemberList AuthStatus Watch LeaseKeepAlive".split(
    " ",
  ),
);
const READINGS = ALL.filter(([, { name, service }]) => READING.has(name) && !service.startsWith("grpc."));
const ROUTED_READINGS = ROUTED.filter(([, { name }]) => READING.has(name));

/** One that changes nothing, so that what is answered does not depend on what was asked before. */
export function anyReading(random: SeededRandom): Method {
  return random.weighted(READINGS);
}

/** The same of those that the JSON gateway has. */
export function anyRoutedReading(random: SeededRandom): Method {
  return random.weighted(ROUTED_READINGS);
}

/** They wait for others: for a lock to be free, for an election to be won, for what is proclaimed, for a state to change. */
const WAITING: ReadonlySet<string> = new Set([
  "/grpc.health.v1.Health/Watch",
  "/v3lockpb.Lock/Lock",
  "/v3electionpb.Election/Campaign",
  "/v3electionpb.Election/Observe",
]);

/**
 * Whether a server ends a call by itself when the client has said everything. A change of the members that meets another
 * one is dropped by raft without a word, and waits for as long as its caller does, in etcd too.
 */
export function endsByItself({ clientStreaming, path, service, name }: Method): boolean {
  if (service === "etcdserverpb.Cluster" && name !== "MemberList") return false;
  return !clientStreaming && !WAITING.has(path);
}
