import type { ReadTransaction } from "@quorate/bbolt";
import { compareVersions, formatVersion, parseVersion, type VersionNumber } from "@quorate/server/offline";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { bucketOf, CONSISTENT_INDEX, META, readUint64, STORAGE_VERSION, TERM } from "../database/buckets.ts";
import { OLDEST } from "./target-version.ts";

/** The first release that writes its version. */
export const FIRST_MARKED: VersionNumber = { ...OLDEST, minor: 6 };
/** Releases that change something, from the first one on; what a database of a later one has, nobody knows. */
const KNOWN_MINORS = [6, 7];

/** Of which release a database is. Throws Exit when it is older than all that can be migrated. */
export function storageVersion(tx: ReadTransaction): VersionNumber {
  const meta = bucketOf(tx, META);
  const stored = meta.get(STORAGE_VERSION);
  const version = stored === undefined ? undefined : parseVersion(Buffer.from(stored).toString());
  if (version !== undefined) return version;
  const hasTerm = (readUint64(meta, CONSISTENT_INDEX) ?? 0n) !== 0n && (readUint64(meta, TERM) ?? 0n) !== 0n;
  if (!hasTerm) throw new Exit(ExitCode.ERROR, "missing term information");
  return OLDEST;
}

/** The releases that a database is made one of, one after another, up to `to`. Throws Exit when there is no such way. */
export function migrationSteps(from: VersionNumber, to: VersionNumber): VersionNumber[] {
  if (from.major !== to.major) throw noPlan("changing major storage version is not supported");
  const isUpgrade = from.minor < to.minor;
  const steps: VersionNumber[] = [];
  for (let { minor } = from; minor !== to.minor; ) {
    // What a release has changed stands with that release, in both directions.
    const changing = isUpgrade ? minor + 1 : minor;
    if (from.major !== OLDEST.major || !KNOWN_MINORS.includes(changing))
      throw noPlan(
        `version "${formatVersion({ ...OLDEST, major: from.major, minor: changing })}" is not supported`,
      );
    minor += isUpgrade ? 1 : -1;
    steps.push({ ...OLDEST, major: from.major, minor });
  }
  return steps;
}

export function isMarked(version: VersionNumber): boolean {
  return compareVersions(version, FIRST_MARKED) >= 0;
}

function noPlan(why: string): Exit {
  return new Exit(ExitCode.ERROR, `cannot create migration plan: ${why}`);
}
