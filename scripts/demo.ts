/**
 * `npm run demo`: starts a member, stores, watches, leases and compares keys over its JSON interface, and says what
 * happens. `-- --keep` leaves it serving on http://localhost:2379 afterwards.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { Member } from "../packages/server/src/index.ts";

const keep = process.argv.includes("--keep");
const dataDir = mkdtempSync(path.join(tmpdir(), "quorate-demo-"));
const startedMs = performance.now();
const member = await Member.start({
  dataDir,
  ...(keep
    ? { listenClientUrls: ["http://localhost:2379"], advertiseClientUrls: ["http://localhost:2379"] }
    : {}),
});
const url = member.clientUrls[0]!;
say(`started a member in ${Math.round(performance.now() - startedMs)} ms: ${url}, data in ${dataDir}`);

const watch = await fetch(`${url}/v3/watch`, post({ create_request: { key: b64("greeting") } }));
const events = lines(watch.body!);
await events.next(); // the watcher was created

const put = await call("/v3/kv/put", { key: b64("greeting"), value: b64("hello") });
say(`put greeting = hello             -> revision ${put.header.revision}`);

const range = await call("/v3/kv/range", { key: b64("greeting") });
say(`get greeting                     -> ${text(range.kvs[0].value)} (version ${range.kvs[0].version})`);

const seen = (await events.next()).value.result.events[0];
say(`the watcher was told             -> ${text(seen.kv.key)} = ${text(seen.kv.value)}`);

const lease = await call("/v3/lease/grant", { TTL: 60 });
const txn = await call("/v3/kv/txn", {
  compare: [{ key: b64("lock"), target: "VERSION", version: "0" }],
  success: [{ request_put: { key: b64("lock"), value: b64("mine"), lease: lease.ID } }],
});
say(`lock it if it is free (60 s)     -> ${txn.succeeded ? "succeeded" : "taken"}`);

const revoked = await call("/v3/lease/revoke", { ID: lease.ID });
say(`revoke the lease                 -> the lock is gone at revision ${revoked.header.revision}`);

if (keep) {
  say(`\nIt keeps serving ${url}; stop it with Ctrl-C.`);
} else {
  await member.close();
  rmSync(dataDir, { recursive: true });
  say("stopped; everything works. Start one of your own:  bin/quorate --data-dir my.data");
  process.exit(0);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function b64(value: string): string {
  return Buffer.from(value).toString("base64");
}

function text(value: string): string {
  return Buffer.from(value, "base64").toString();
}

function post(body: object): RequestInit {
  return { method: "POST", body: JSON.stringify(body) };
}

// biome-ignore lint/suspicious/noExplicitAny: answers are shown, not worked with
async function call(route: string, body: object): Promise<any> {
  const response = await fetch(url + route, post(body));
  const answer = await response.json();
  if (!response.ok) throw new Error(`${route}: ${JSON.stringify(answer)}`);
  return answer;
}

// biome-ignore lint/suspicious/noExplicitAny: answers are shown, not worked with
async function* lines(body: ReadableStream<Uint8Array>): AsyncGenerator<any, any> {
  let pending = "";
  for await (const chunk of body) {
    pending += Buffer.from(chunk).toString();
    for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
      yield JSON.parse(pending.slice(0, end));
      pending = pending.slice(end + 1);
    }
  }
}
