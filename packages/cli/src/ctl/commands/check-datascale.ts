import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import { withPrefix } from "@quorate/client";
import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode, exitWith } from "../../command-line/exit.ts";
import type { Output } from "../../command-line/output.ts";
import { present } from "../session/answers.ts";
import type { Settings } from "../session/settings.ts";
import { progressOf } from "../terminal/progress.ts";
import {
  compactTo,
  defragmentAll,
  loadNamed,
  makeClients,
  randomKey,
  refuseKeysUnder,
  Tally,
} from "./check-load.ts";

const LOADS = {
  s: { keys: 10_000, clients: 50 },
  m: { keys: 100_000, clients: 200 },
  l: { keys: 1_000_000, clients: 500 },
  xl: { keys: 3_000_000, clients: 1_000 },
};
/** Of a key behind its prefix, and of a value. */
const HALF_BYTES = 512;
const MEMORY = "process_resident_memory_bytes";
const MEBIBYTE = 1_024 * 1_024;

export async function run(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const load = loadNamed(LOADS, flags.text("load"));
  const prefix = flags.text("prefix");
  const { clients, settings } = await makeClients(invocation, load.clients);
  const [first] = clients;
  await refuseKeysUnder(first!, prefix, `etcdctl del --prefix ${prefix}`);
  const before = await memoryOf(settings, "before", output);
  output.line(
    `Start data scale check for work load [${load.keys} key-value pairs, ${2 * HALF_BYTES} bytes per key-value, ${load.clients} concurrent clients].`,
  );
  const progress = progressOf(invocation, { what: "check", unit: "keys" });
  const tally = new Tally((done) => progress.reach(done, load.keys));
  const value = Buffer.alloc(HALF_BYTES);
  let begun = 0;
  await Promise.all(
    clients.map(async (client) => {
      while (begun++ < load.keys) {
        const request = { key: randomKey(prefix, HALF_BYTES), value };
        await tally.count(() => client.kv.put(request, { timeoutMs: Number.POSITIVE_INFINITY }));
      }
    }),
  );
  progress.end();
  const after = await memoryOf(settings, "after", output);
  const { header } = await first!.kv
    .deleteRange(withPrefix(prefix), { timeoutMs: Number.POSITIVE_INFINITY })
    .catch((error: unknown) => {
      throw exitWith(ExitCode.ERROR, error);
    });
  if (flags.on("auto-compact")) await compactTo(first!, present(header, "header").revision, output);
  if (flags.on("auto-defrag")) await defragmentAll(settings, output);
  if (tally.errors.size > 0) {
    tally.printErrors(output);
    throw new Exit(ExitCode.ERROR);
  }
  const used = ((after - before) / MEBIBYTE).toFixed(2);
  output.line(`PASS: Approximate system memory used : ${used} MB.`);
}

/** What the first endpoint's member holds in memory, in bytes. Throws Exit when it does not say. */
async function memoryOf(settings: Settings, when: "before" | "after", output: Output): Promise<number> {
  try {
    const metrics = await fetchMetrics(settings);
    const line = metrics.split("\n").find((each) => each.startsWith(MEMORY));
    if (line === undefined) throw new Error(`could not find: ${MEMORY}`);
    const bytes = Number(line.slice(MEMORY.length).trim());
    if (bytes > 0) return bytes;
  } catch (error) {
    output.line((error as Error).message);
  }
  output.line(`FAIL: Could not read ${MEMORY} ${when} the put operations.`);
  throw new Exit(ExitCode.ERROR);
}

function fetchMetrics({ endpoints, tls }: Settings): Promise<string> {
  const [endpoint = ""] = endpoints;
  const url = `${/^https?:\/\//.test(endpoint) ? endpoint : `http://${endpoint}`}/metrics`;
  const options = url.startsWith("https:")
    ? {
        cert: readFileSync(tls.cert),
        key: readFileSync(tls.key),
        ...(tls.cacert !== "" && { ca: readFileSync(tls.cacert) }),
        rejectUnauthorized: !tls.skipVerification,
      }
    : {};
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const failed = (error: Error) => reject(new Error(`fetch error: ${error.message}`));
  const { get } = url.startsWith("https:") ? https : http;
  get(url, options, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("error", failed);
    response.on("end", () => resolve(Buffer.concat(chunks).toString()));
  }).on("error", failed);
  return promise;
}
