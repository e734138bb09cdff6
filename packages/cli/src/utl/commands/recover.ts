import { formatId } from "@quorate/server/offline";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, Exit, ExitCode } from "../../command-line/exit.ts";
import { columnsText } from "../../ctl/terminal/columns.ts";
import { walDirectory } from "../database/data-directory.ts";
import { type Assessment, assess, type Best } from "../recover/assess.ts";
import { holdDirectory } from "../recover/hold-directory.ts";
import { lossesOf } from "../recover/losses.ts";
import { makeCluster } from "../recover/make-cluster.ts";
import { type Remains, remainsOf } from "../recover/remains.ts";
import { changesToSoleMember } from "../recover/sole-member.ts";
import { Staging } from "../restore/staging.ts";

/** `recover <data directory>[=<wal directory>] ...`: compares, and makes a new cluster where `--data-dir` says so. */
export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  if (args.length === 0)
    throw badArguments("recover command needs the data directories of the members that are left");
  const places = args.map(placeOf);
  const directories = places.map(({ dataDir }) => dataDir);
  const twice = directories.find((directory, i) => directories.indexOf(directory) !== i);
  if (twice !== undefined) throw badArguments(`${twice} is given twice`);
  const chosen = flags.text("best").replace(/(?<=.)\/+$/, "");
  if (chosen !== "" && !directories.includes(chosen))
    throw badArguments(`--best ${chosen} is none of the directories that are compared`);
  const disk = new RealDisk();
  await using opened = new AsyncDisposableStack();
  for (const { dataDir, walDir } of places) await holdDirectory(disk, dataDir, walDir, opened);
  const all: Remains[] = [];
  for (const place of places) all.push(await remainsOf(disk, place, flags.duration("timeout"), opened));
  const assessment = assess(all, chosen);
  for (const line of reportLines(all, assessment)) output.line(line);
  const { best, contradictions } = assessment;
  if (best === undefined) throw noneIsUsable(all);
  const target = flags.text("data-dir");
  if (target === "") return output.line("with --data-dir a new cluster is made of it");
  if (contradictions.length > 0 && chosen === "")
    throw new Exit(ExitCode.ERROR, "members contradict each other: say with --best which one is right");
  // What would fail is told before somebody agrees to it.
  changesToSoleMember(best.cluster, best.log.nodeId);
  const walDir = flags.text("wal-dir") || walDirectory(target);
  const staging = await Staging.plan(disk, target, walDir);
  await confirm(best, target, invocation);
  await staging.run(() => makeCluster(disk, best, staging));
  const name = best.cluster.members.get(best.log.nodeId)?.name ?? "";
  output.line(
    `${target} is the data directory of a cluster of one: start it as ${name || "before"}, and add members to it`,
  );
}

function placeOf(argument: string): Pick<Remains, "dataDir" | "walDir"> {
  const at = argument.indexOf("=");
  const dataDir = (at < 0 ? argument : argument.slice(0, at)).replace(/(?<=.)\/+$/, "");
  return { dataDir, walDir: at < 0 ? walDirectory(dataDir) : argument.slice(at + 1) };
}

const HEAD = [
  "MEMBER",
  "LOG TO",
  "OF TERM",
  "COMMITTED",
  "STATE AT",
  "REVISION",
  "COMPACTED",
  "HASH",
  "DIRECTORY",
];

function* reportLines(all: readonly Remains[], assessment: Assessment): Generator<string> {
  const { best, hashes, commonRevision, contradictions } = assessment;
  const rows = all.map(({ dataDir, log, database }, i) => {
    const ofLog = log && [formatId(log.nodeId), log.lastIndex, log.lastTerm, log.hardState.commit];
    const ofDatabase = database && [
      database.index,
      database.revision,
      database.compactRevision,
      hashes[i] ?? "-",
    ];
    return [...(ofLog ?? ["-", "-", "-", "-"]), ...(ofDatabase ?? ["-", "-", "-", "-"]), dataDir].map(String);
  });
  yield* columnsText([HEAD, ...rows]);
  yield commonRevision === undefined
    ? "there is no revision at which all could be compared"
    : `hashes are of revision ${commonRevision}, and can be compared where the same is compacted`;
  for (const { dataDir, faults } of all) for (const fault of faults) yield `${dataDir}: ${fault}`;
  for (const contradiction of contradictions) yield `contradiction: ${contradiction}`;
  if (best === undefined) return;
  const { of, log, database } = best;
  const own = database === of.database ? "" : `, with the database ${database.file}`;
  yield `best: ${of.dataDir}, member ${formatId(log.nodeId)} of cluster ${formatId(log.clusterId)}${own}`;
  yield* lossesOf(all, best);
}

function noneIsUsable(all: readonly Remains[]): Exit {
  const databases = all.flatMap(({ database }) => (database === undefined ? [] : [database]));
  const [furthest] = databases.sort((a, b) => b.index - a.index || (a.revision < b.revision ? 1 : -1));
  const advice =
    furthest === undefined
      ? "a snapshot that was saved can be restored"
      : `of ${furthest.file} alone, at revision ${furthest.revision}, snapshot restore --skip-hash-check makes a new cluster`;
  return new Exit(ExitCode.ERROR, `there is no log with a database that it goes on from: ${advice}`);
}

/** Throws Exit unless whoever asks for it says that it is meant. */
async function confirm({ log }: Best, target: string, { flags, input, output }: Invocation): Promise<void> {
  if (flags.on("yes")) return;
  const id = formatId(log.nodeId);
  output.line(`the other members must never run again: those of the new cluster would not know of them`);
  output.write(`type ${id} to make a new cluster of this member in ${target}: `);
  const answer = ((await input.line()) ?? input.unfinishedLine()).trim();
  if (answer !== id) throw new Exit(ExitCode.ERROR, "nothing was made");
}
