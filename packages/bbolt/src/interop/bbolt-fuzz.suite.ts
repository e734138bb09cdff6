/**
 * Damaged files: flipped bits, lying numbers, circles, pages in use twice, lists and metas that lie, pages of 1 to 64 KiB. Each is
 * opened, read, checked, compacted and changed. Arguments: `-- --files N`.
 */
import assert from "node:assert/strict";
import path from "node:path";
import { parseArgs } from "node:util";
import { temporaryDir } from "@quorate/testkit/process";
import { SeededRandom } from "@quorate/testkit/random";
import { testWithSeed } from "@quorate/testkit/seed";
import { fuzzFiles } from "../testing/fuzz-files.ts";

const { values } = parseArgs({
  args: JSON.parse(process.env.QUORATE_SUITE_ARGS ?? "[]") as string[],
  options: { files: { type: "string", default: "100000" } },
});
const FILES = Number(values.files);
/** Files have a megabyte at most; what is read of one that pretends to be large would show. */
const MOST_MEMORY_BYTES = 1 << 30;

testWithSeed("a damaged file is told as such, or read as its bytes say", async (seed, t) => {
  const counts = await fuzzFiles(
    new SeededRandom(seed),
    FILES,
    path.join(temporaryDir("bbolt-fuzz"), "damaged.db"),
  );
  const mostBytes = process.resourceUsage().maxRSS * 1024;
  t.diagnostic(JSON.stringify({ ...counts, mostMemoryMiB: Math.round(mostBytes / 2 ** 20) }));
  assert.ok(mostBytes < MOST_MEMORY_BYTES, `${mostBytes} bytes of memory`);
  if (FILES < 1000) return;
  for (const [name, count] of Object.entries(counts)) assert.ok(count > FILES / 1000, `${name}: ${count}`);
});
