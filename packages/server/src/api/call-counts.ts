import { MethodStats } from "@quorate/rpc/server";

/** Clients say which version of the API they speak. Those that say what is beyond so many different ones are counted as one. */
export const MAX_CLIENT_VERSIONS = 64;
/** Nor are those told apart that say more than any version needs. */
export const MAX_VERSION_CHARS = 64;
export const UNKNOWN_VERSION = "unknown";

/** Who calls its own methods for a call that is counted by itself: the `userData` of such a call when it begins. */
export const OWN_CALL = Symbol("own call");

/** Calls of clients that say that they speak one version of the API, and that were not refused for what this member is. */
export interface VersionCounts {
  unary: number;
  stream: number;
}

/** What is counted of calls. Plain numbers, read when metrics are asked for. */
export class CallCounts {
  /** By the path of each method. */
  readonly methods = new Map<string, MethodStats>();
  /** By what clients say; `UNKNOWN_VERSION` for those that do not. */
  readonly versions = new Map<string, VersionCounts>();
  /** Of the call before: most say the same as it. */
  #lastVersion: string | undefined = undefined;
  #last: VersionCounts | undefined = undefined;

  /** Counts of a method that is about to be served. */
  add(path: string): MethodStats {
    const stats = new MethodStats();
    this.methods.set(path, stats);
    return stats;
  }

  /** Hot. */
  count(version: string | undefined, isStream: boolean): void {
    if (this.#last === undefined || version !== this.#lastVersion) {
      this.#last = this.#countsOf(version);
      this.#lastVersion = version;
    }
    if (isStream) this.#last.stream++;
    else this.#last.unary++;
  }

  #countsOf(said: string | undefined): VersionCounts {
    const version = said === undefined || said.length > MAX_VERSION_CHARS ? UNKNOWN_VERSION : said;
    const known = this.versions.get(version);
    if (known !== undefined) return known;
    if (version !== UNKNOWN_VERSION && this.versions.size >= MAX_CLIENT_VERSIONS) {
      return this.#countsOf(undefined);
    }
    const counts = { unary: 0, stream: 0 };
    this.versions.set(version, counts);
    return counts;
  }
}
