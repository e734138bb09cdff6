/**
 * Bytes flipped in the files of a stopped member. The member must either refuse to serve and name file and offset,
 * or serve exactly what was there; wrong data is never an answer. Arguments: `-- --flips N --seed N`.
 */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { Etcd, EtcdError } from "@quorate/testkit/grpc";
import { Server, temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { freshSeed, testWithSeed } from "@quorate/testkit/seed";
import { target } from "@quorate/testkit/target";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { flips: { type: "string", default: "30" }, seed: { type: "string" } },
});
const flips = Number(values.flips);
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
const random = new SeededRandom(seed);
const EVERYTHING = { key: Buffer.from([0]), range_end: Buffer.from([0]) };

/** What a healthy member answers, as text. */
async function contentsOf(etcd: Etcd, revisions: readonly number[]): Promise<string> {
  const parts: string[] = [];
  for (const revision of revisions) {
    const { kvs } = await etcd.range({ ...EVERYTHING, revision });
    parts.push(
      `at ${revision}`,
      ...kvs.map(
        (kv) =>
          `${kv.key.toString("hex")} ${kv.value.toString("hex")} ${kv.create_revision} ${kv.mod_revision} ${kv.version} ${kv.lease}`,
      ),
    );
    parts.push(`hash ${(await etcd.hashKv({ revision })).hash}`);
  }
  parts.push(`revision ${(await etcd.range({ key: "x" })).header!.revision}`);
  return parts.join("\n");
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/lock/i.test(entry.name))
    .map((entry) => path.join(entry.parentPath, entry.name));
}

/** Somewhere in the file where there is something: preallocated zeros are left alone. */
function usedOffset(bytes: Buffer): number | undefined {
  const blocks: number[] = [];
  for (let at = 0; at < bytes.length; at += 512) {
    if (bytes.subarray(at, at + 512).some((byte) => byte !== 0)) blocks.push(at);
  }
  if (blocks.length === 0) return undefined;
  const block = random.pick(blocks);
  return block + random.below(Math.min(512, bytes.length - block));
}

interface Prepared {
  readonly dataDir: string;
  readonly revisions: readonly number[];
  readonly expected: string;
}

/** A member's folder after a crash or a clean stop, with what it holds. */
async function prepare(clean: boolean): Promise<Prepared> {
  const server = await Server.start({ command: target().command });
  const etcd = new Etcd(server.endpoint);
  for (let i = 0; i < 60; i++) {
    await Promise.all(
      Array.from({ length: 20 }, (_, j) =>
        etcd.put({
          key: `key/${random.below(300)}`,
          value: random.bytes(random.below(300)),
          prev_kv: j % 2 === 0,
        }),
      ),
    );
    if (i % 10 === 0) await etcd.deleteRange({ key: `key/${random.below(300)}` });
  }
  const last = (await etcd.put({ key: "last", value: "1" })).header!.revision;
  const revisions = [last, last - 100, Math.floor(last / 2)];
  const expected = await contentsOf(etcd, revisions);
  if (!clean) {
    // Half of it is in the backend, the rest only in the log.
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (let i = 0; i < 3; i++) await etcd.hashKv({ revision: last });
    await server.kill();
  } else {
    await server.stop();
  }
  etcd.close();
  return { dataDir: server.dataDir, revisions, expected };
}

for (const clean of [true, false]) {
  const how = clean ? "a clean stop" : "a crash";
  testWithSeed(
    `${flips} flipped bytes after ${how} are refused or do no harm (seed ${seed})`,
    { seed },
    async (_, t) => {
      const prepared = await prepare(clean);
      let refused = 0;
      let harmless = 0;
      for (let flip = 0; flip < flips; flip++) {
        const base = temporaryDir("flip");
        const dataDir = path.join(base, "data");
        mkdirSync(dataDir, { recursive: true });
        cpSync(prepared.dataDir, dataDir, { recursive: true });
        const file = random.pick(filesIn(dataDir));
        const bytes = readFileSync(file);
        const offset = usedOffset(bytes);
        if (offset === undefined) continue;
        bytes[offset]! ^= 1 << random.below(8);
        writeFileSync(file, bytes);
        const where = `flip ${flip}: ${path.relative(dataDir, file)} at ${offset} (seed ${seed})`;
        const server = await Server.create({ command: target().command, dataDir, startTimeoutMs: 15_000 });
        try {
          let started = false;
          try {
            await server.start();
            started = true;
          } catch (error) {
            const text = error instanceof Error ? error.message : String(error);
            assert.doesNotMatch(text, /was not ready in time/, where);
            assert.match(
              text,
              new RegExp(path.basename(file).replaceAll(".", "\\.")),
              `${where}: the file is not named:\n${text}`,
            );
            assert.match(text, /(offset|position)\W*\d+/i, `${where}: no position is named:\n${text}`);
            refused += 1;
          }
          if (started) {
            const etcd = new Etcd(server.endpoint);
            try {
              assert.equal(
                await contentsOf(etcd, prepared.revisions),
                prepared.expected,
                `${where}: wrong data was served`,
              );
              harmless += 1;
            } catch (error) {
              // Found on reading: an error, or the end of the process, with a message; never a wrong answer.
              if (!(error instanceof EtcdError)) throw error;
              await new Promise((resolve) => setTimeout(resolve, 200));
              assert.match(
                server.tail,
                new RegExp(path.basename(file).replaceAll(".", "\\.")),
                `${where}: ${error.message}\n${server.tail}`,
              );
              refused += 1;
            } finally {
              etcd.close();
            }
          }
        } finally {
          await server.kill();
          rmSync(base, { recursive: true, force: true });
        }
      }
      t.diagnostic(`${refused} refused, ${harmless} harmless`);
    },
  );
}
