/** A part of keys between two separators, and what lies below it. */
export interface Folder {
  readonly name: string;
  /** In the order of the keys. */
  readonly children: Map<string, Folder>;
  /** Whether there is a key that ends here. */
  isKey: boolean;
  /** How many keys lie here and below. */
  keys: number;
  /** Of these keys and their values. */
  bytes: number;
  /** Of what the store has of them besides. */
  oldBytes: number;
}

export interface Sizes {
  readonly keys: number;
  readonly bytes: number;
  readonly oldBytes: number;
}

export function newFolder(name: string): Folder {
  return { name, children: new Map(), isKey: false, keys: 0, bytes: 0, oldBytes: 0 };
}

/**
 * Adds a key, which is `path` below `root`, to what it lies in: `depth` levels are told apart. A part ends with its separator,
 * and is a key without.
 */
export function addTo(
  root: Folder,
  path: string,
  separator: string,
  depth: number,
  { keys, bytes, oldBytes }: Sizes,
): void {
  let folder = root;
  const count = (): void => {
    folder.keys += keys;
    folder.bytes += bytes;
    folder.oldBytes += oldBytes;
  };
  count();
  for (const part of partsOf(path, separator).slice(0, depth)) {
    const child = folder.children.get(part) ?? newFolder(part);
    folder.children.set(part, child);
    folder = child;
    count();
  }
  folder.isKey ||= keys > 0;
}

function partsOf(path: string, separator: string): string[] {
  if (separator === "") return path === "" ? [] : [path];
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const at = path.indexOf(separator, from);
    if (at < 0) break;
    parts.push(path.slice(from, at + separator.length));
    from = at + separator.length;
  }
  if (from < path.length) parts.push(path.slice(from));
  return parts;
}
