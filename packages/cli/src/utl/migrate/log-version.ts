import { type Entry, EntryType } from "@quorate/raft";
import { compareVersions, parseVersion, type VersionNumber } from "@quorate/server/offline";
import { RealDisk } from "@quorate/storage/seams/real-disk";
import { readWal } from "@quorate/storage/wal/recovery";
import { findStart, type LogStart } from "@quorate/storage/wal/snapshot-records";
import { decodeInternalRequest, InternalField } from "@quorate/wire/hot";
import { cursor, readString, readTag, skipValue } from "@quorate/wire/reader";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { failureText } from "../failure-text.ts";
import { FIRST_MARKED } from "./storage-version.ts";

const VERSION_TAG = (1 << 3) | 2;

/**
 * The oldest release that understands all entries of a log behind its last snapshot; undefined when that is 3.5 or older,
 * below which nothing is migrated. Throws Exit, in etcd's words, when the log cannot be read.
 */
export async function oldestReleaseFor(walDir: string): Promise<VersionNumber | undefined> {
  const disk = new RealDisk();
  const start = await explained("failed to get the lastest snapshot", findStart(disk, walDir));
  const { content } = await explained(
    "failed to open wal",
    readWal(disk, walDir, start.snapshot, knownOf(start)),
  );
  let oldest: VersionNumber | undefined;
  for (const entry of content.entries) {
    const version = releaseOf(entry);
    if (version !== undefined && (oldest === undefined || compareVersions(version, oldest) > 0))
      oldest = version;
  }
  return oldest;
}

function knownOf({ surveys }: LogStart): { surveys: LogStart["surveys"] } {
  return { surveys };
}

/**
 * Of all that entries can hold, only the one with which a cluster tries out a version needs a release after 3.5: the one that
 * knows it, and the version that it names.
 */
function releaseOf({ type, data, index }: Entry): VersionNumber | undefined {
  if (type !== EntryType.EntryNormal) return undefined;
  const { field, body } = decodeInternalRequest(data);
  if (field !== InternalField.downgradeVersionTest) return undefined;
  const named = versionIn(body);
  const version = parseVersion(named);
  if (version === undefined)
    throw new Exit(
      ExitCode.ERROR,
      `failed to read wal: entry ${index} names version ${JSON.stringify(named)}`,
    );
  return compareVersions(version, FIRST_MARKED) > 0 ? version : FIRST_MARKED;
}

function versionIn(body: Uint8Array): string {
  let version = "";
  for (let at = 0; at < body.length; ) {
    const tag = readTag(body, at, body.length);
    if (tag === VERSION_TAG) {
      version = readString(body, cursor, body.length);
      at = cursor;
    } else at = skipValue(body, cursor, body.length, tag);
  }
  return version;
}

async function explained<T>(what: string, result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (error) {
    const text = failureText(error);
    if (text === undefined) throw error;
    throw new Exit(ExitCode.ERROR, `${what}: ${text}`);
  }
}
