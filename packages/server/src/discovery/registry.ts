/** What the discovery service is asked for: keys of a cluster of etcd's API. Every method rejects when it gets no answer. */
export interface RegistryStore {
  get(key: string): Promise<string | undefined>;
  /** All keys that begin so, in any order, as they were in `revision`. */
  list(prefix: string): Promise<{ readonly revision: bigint; readonly entries: readonly RegistryEntry[] }>;
  put(key: string, value: string): Promise<void>;
  /** What is written to such keys from a revision on; ends only when its reader does not want any more. */
  changes(prefix: string, fromRevision: bigint): AsyncIterable<readonly RegistryEntry[]>;
  close(): void;
}

export interface RegistryEntry {
  readonly key: string;
  readonly value: string;
  readonly createRevision: bigint;
}

const PREFIX = "/_etcd/registry";

/** How many members the cluster of a token begins with, in decimal. */
export function sizeKey(token: string): string {
  return `${PREFIX}/${token}/_config/size`;
}

/** What the keys of all its members begin with. */
export function membersPrefix(token: string): string {
  return `${PREFIX}/${token}/members`;
}

/** `id` in hex. The value is `name=url`, for each of its peer URLs, with commas between. */
export function memberKey(token: string, id: string): string {
  return `${membersPrefix(token)}/${id}`;
}

/** Those who have registered, in the order in which they did. */
export class Registered {
  readonly #entries: RegistryEntry[] = [];

  get count(): number {
    return this.#entries.length;
  }

  /** Returns why an entry was not taken; undefined when it was. */
  add({ key, value, createRevision }: RegistryEntry): string | undefined {
    if (!value.includes("=")) return "invalid peer info returned from discovery service";
    if (this.#entries.some((entry) => entry.key === key)) {
      return "found duplicate peer from discovery service";
    }
    this.#entries.push({ key, value: value.trim(), createRevision });
    this.#entries.sort((a, b) => Number(a.createRevision - b.createRevision));
    return undefined;
  }

  /** Whether `key` is none of the first `size`, who are all there already. */
  isFullWithout(key: string, size: number): boolean {
    const first = this.#entries.slice(0, size);
    return first.length === size && !first.some((entry) => entry.key === key);
  }

  /** The first `size` of them, as `--initial-cluster` has them. */
  initialCluster(size: number): string {
    return this.#entries
      .slice(0, size)
      .map(({ value }) => value)
      .join(",");
  }
}
