import { archiveEnd, BackupError, type Chain, loadChains, timeText } from "@quorate/backup";
import type { Invocation } from "../command-line/command.ts";
import { badArguments } from "../command-line/exit.ts";
import { humanBytes } from "../go-text/human-bytes.ts";
import { storeOf } from "./store-flags.ts";

/** Reads the names of all objects, and the end of each chain. */
export async function run(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const format = flags.text("write-out");
  if (format !== "simple" && format !== "json")
    throw badArguments(`--write-out: ${format} is neither simple nor json`);
  const { store, key } = await storeOf(invocation);
  const chains = await loadChains(store);
  const told = [];
  for (const chain of chains) told.push({ chain, end: await endOf(chain) });
  if (format === "json")
    return output.line(JSON.stringify(told.map(({ chain, end }) => ({ ...chain, end }))));
  if (chains.length === 0) output.line(`there is no backup in ${store.where}`);
  for (const { chain, end } of told) {
    output.line(`cluster ${chain.cluster}  chain ${chain.name}`);
    for (const { revision, takenAtMs, bytes } of chain.snapshots)
      output.line(
        `  snapshot  revision ${revision}  taken ${timeText(takenAtMs)}  ${humanBytes(BigInt(bytes))}`,
      );
    const total = chain.segments.reduce((sum, { bytes }) => sum + bytes, 0);
    output.line(
      `  archive   ${chain.segments.length} segments, ${humanBytes(BigInt(total))}; ${endText(end)}`,
    );
  }

  async function endOf(chain: Chain): Promise<End> {
    if (chain.snapshots.length === 0) return { error: "there is no snapshot that it begins with" };
    try {
      const { revision, reachedMs } = await archiveEnd(store, chain, key);
      const newest = chain.snapshots.at(-1)!;
      if (newest.revision < revision) return { revision, reachedMs };
      const isSame = newest.revision === revision;
      return {
        revision: newest.revision,
        reachedMs: isSame ? Math.max(newest.takenAtMs, reachedMs) : newest.takenAtMs,
      };
    } catch (error) {
      // The names are told also to who has no key.
      if (error instanceof BackupError && error.code !== "STORE") return { error: error.message };
      throw error;
    }
  }
}

type End = { readonly revision: number; readonly reachedMs: number } | { readonly error: string };

function endText(end: End): string {
  return "error" in end
    ? end.error
    : `it goes to revision ${end.revision}, which was all until ${timeText(end.reachedMs)}`;
}
