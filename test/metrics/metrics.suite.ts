/**
 * What operators ask of a member over HTTP, beside a real etcd: the shapes of all metrics after the same load, and health,
 * readiness and version to the byte.
 */
import assert from "node:assert/strict";
import test from "node:test";
import { realEtcd } from "@quorate/testkit/etcd";
import { Server } from "@quorate/testkit/process";
import { target } from "@quorate/testkit/target";
import { shapesOf } from "./exposition.ts";
import { answerOf, QUESTIONS } from "./health.ts";
import { load, read } from "./load.ts";

const etcd = realEtcd();
const skip = "missing" in etcd ? etcd.missing : false;
const EXTENSIVE = ["--metrics", "extensive"];
/** For both of them at once, on a machine that is busy otherwise. */
const START_LIMIT_MS = 180_000;

function start(command: readonly string[], args: readonly string[]): Promise<Server> {
  return Server.start({ command, args, startTimeoutMs: START_LIMIT_MS });
}

/** What is ours alone: of the runtime, and of what etcd has nothing like. */
const OURS = /^(nodejs_|quorate_|process_(cpu_(user|system)_seconds_total|heap_bytes)$)/;
/** Labels whose values Go's memory profiler and garbage collector make up. */
const SHAPED_BY_RUNTIME = /^go_gc_duration_seconds$/;

test("metrics have etcd's names, types, labels and buckets after the same load", { skip }, async () => {
  if ("missing" in etcd) return;
  await using reference = await start([etcd.found.etcd], EXTENSIVE);
  await using subject = await start(target().command, EXTENSIVE);
  const [wanted, found] = await Promise.all(
    [reference, subject].map(async ({ endpoint }) => {
      await load(endpoint);
      return shapesOf(await read(endpoint, "/metrics"));
    }),
  );
  for (const [name, shape] of wanted!) {
    if (SHAPED_BY_RUNTIME.test(name)) assert.equal(found!.get(name)?.kind, shape.kind, name);
    else assert.deepEqual(found!.get(name), shape, name);
  }
  const more = [...found!.keys()].filter((name) => !wanted!.has(name) && !OURS.test(name));
  assert.deepEqual(more, []);
  // What was asked for is counted as etcd counts it.
  const [counted, ours] = await Promise.all(
    [reference, subject].map(async ({ endpoint }) => countsOf(await read(endpoint, "/metrics"))),
  );
  assert.deepEqual(ours!.counts, counted!.counts);
  const difference = Math.abs(ours!.putBytes - counted!.putBytes);
  assert.ok(difference <= MOST_ZEROS, `${ours!.putBytes} bytes put, and ${counted!.putBytes} in etcd`);
});

test("health, readiness and versions are told as etcd tells them, with an alarm and without", {
  skip,
}, async () => {
  if ("missing" in etcd) return;
  await using reference = await start([etcd.found.etcd], []);
  await using subject = await start(target().command, []);
  for (const isLoaded of [false, true]) {
    if (isLoaded) await Promise.all([load(reference.endpoint), load(subject.endpoint)]);
    for (const [method, path] of QUESTIONS) {
      const wanted = await answerOf(reference.endpoint, method, path);
      const told = await answerOf(subject.endpoint, method, path);
      assert.deepEqual(told, wanted, `${method} ${path}, ${isLoaded ? "with" : "without"} an alarm`);
    }
  }
  const keys = async ({ endpoint }: Server) =>
    Object.keys(JSON.parse(await read(endpoint, "/debug/vars")) as object).sort();
  assert.deepEqual(await keys(subject), await keys(reference));
});

/** The keys of a lock and an election end with lease IDs in hexadecimal, whose zeros at the beginning are left out. */
const MOST_ZEROS = 8;

/** Of the calls of the load, and what they did to the key space. */
function countsOf(text: string): { readonly counts: string[]; readonly putBytes: number } {
  const counted =
    /^(grpc_server_(started|handled|msg_(received|sent))_total\{|etcd_mvcc_(put|delete|range|txn)_total |etcd_debugging_(mvcc_keys_total|lease_granted_total|mvcc_current_revision|mvcc_compact_revision) |etcd_server_client_requests_total\{)/;
  const counts = text
    .split("\n")
    .filter((line) => counted.test(line) && !line.endsWith(" 0"))
    .map(withSortedLabels)
    .sort();
  return { counts, putBytes: Number(/^etcd_debugging_mvcc_total_put_size_in_bytes (\d+)$/m.exec(text)?.[1]) };
}

function withSortedLabels(line: string): string {
  return line.replace(/\{(.*)\}/, (_, labels: string) => `{${labels.split(",").sort().join(",")}}`);
}
