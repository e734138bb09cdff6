import { stat } from "node:fs/promises";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { WalError } from "@quorate/storage/wal/errors";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode } from "../../command-line/exit.ts";
import { columnsText } from "../../ctl/terminal/columns.ts";
import { shown } from "../../ctl/terminal/style.ts";
import { humanBytes } from "../../go-text/human-bytes.ts";
import { databasePath, walDirectory } from "../database/data-directory.ts";
import { openDatabase } from "../database/open-database.ts";
import { bucketSizes } from "../inspect/bucket-sizes.ts";
import { keySizes, ORDERS } from "../inspect/key-sizes.ts";
import { visitRecords } from "../inspect/log-records.ts";

/** `inspect wal <data directory>`: a line for each record of the log. */
export async function wal({ args, flags, output }: Invocation): Promise<void> {
  const directory = flags.text("wal-dir") || walDirectory(args[0]!);
  const from = Number(flags.integer("from"));
  const limit = Number(flags.integer("limit"));
  let found = 0;
  let told = 0;
  let segment = "";
  let left = 0;
  const torn = await visitRecords(new RealDisk(), directory, (record) => {
    found++;
    // Before the first of those entries, everything is left out.
    if (from > 0 && told === 0 && record.index < from) return;
    if (limit > 0 && told >= limit) {
      left++;
      return;
    }
    told++;
    if (record.segment !== segment) output.line(record.segment);
    segment = record.segment;
    const index = record.index === 0 ? "-" : String(record.index);
    output.line([record.offset, record.kind, index, record.text].join("\t"));
  }).catch((error: unknown) => {
    if (!(error instanceof WalError)) throw error;
    throw new Exit(ExitCode.ERROR, error.message);
  });
  if (found === 0) throw new Exit(ExitCode.ERROR, `${directory}: there is no record in the log`);
  if (left > 0) output.line(`and ${left} more`);
  if (torn !== undefined)
    output.line(`the last write was cut off (${torn}): a member that starts leaves it out`);
}

/** `inspect buckets <data directory or file>`: a line for each bucket. */
export async function buckets(invocation: Invocation): Promise<void> {
  await using held = await openFileOrDirectory(invocation);
  using tx = held.database.beginRead();
  const size = sizeText(invocation);
  const rows = bucketSizes(tx).map(({ name, entries, keyBytes, valueBytes }) => [
    String(entries),
    size(keyBytes),
    size(valueBytes),
    shown(Buffer.from(name, "latin1")),
  ]);
  print(invocation, [["ENTRIES", "KEYS", "VALUES", "BUCKET"], ...rows]);
}

/** `inspect keys <data directory or file>`: those that take most, a line each. */
export async function keys(invocation: Invocation): Promise<void> {
  const { flags, output } = invocation;
  const by = flags.text("by");
  const order = Object.hasOwn(ORDERS, by) ? ORDERS[by as keyof typeof ORDERS] : undefined;
  if (order === undefined) throw badArguments(`--by is size, total or revisions, not ${JSON.stringify(by)}`);
  const limit = Number(flags.integer("limit"));
  await using held = await openFileOrDirectory(invocation);
  using tx = held.database.beginRead();
  const all = keySizes(tx, Buffer.from(flags.text("prefix"))).sort(order);
  const told = limit > 0 ? all.slice(0, limit) : all;
  const size = sizeText(invocation);
  const rows = told.map(({ key, liveBytes, allBytes, revisions, lastRevision }) => [
    size(liveBytes),
    size(allBytes),
    String(revisions),
    String(lastRevision),
    shown(key),
  ]);
  print(invocation, [["SIZE", "TOTAL", "REVISIONS", "LAST", "KEY"], ...rows]);
  const rest = all.slice(told.length);
  if (rest.length === 0) return;
  const bytes = rest.reduce((sum, { allBytes }) => sum + allBytes, 0);
  output.line(`and ${rest.length} more, ${size(bytes)} in all`);
}

async function openFileOrDirectory({ args, flags }: Invocation) {
  const [given] = args;
  const isDirectory = await stat(given!).then(
    (stats) => stats.isDirectory(),
    () => false,
  );
  return openDatabase(isDirectory ? databasePath(given!) : given!, {
    writable: false,
    timeoutMs: flags.duration("timeout"),
  });
}

function isForPeople({ flags, output }: Invocation): boolean {
  return output.isTerminal() && !flags.changed("write-out");
}

function sizeText(invocation: Invocation): (bytes: number) => string {
  return isForPeople(invocation) ? (bytes) => humanBytes(BigInt(bytes)) : String;
}

function print(invocation: Invocation, rows: readonly (readonly string[])[]): void {
  const lines = isForPeople(invocation) ? columnsText(rows) : rows.map((row) => row.join("\t"));
  for (const line of lines) invocation.output.line(line);
}
