import { type BigIntStats, statSync } from "node:fs";
import fs from "node:fs/promises";
import type { Clock } from "@quorate/storage/seams/clock";
import { isLocalFile } from "./local-files.ts";

/** Within this time of a change a file may change again and look the same: time stamps have the grain of the file system. */
const GRAIN_MS = 2_000;

/**
 * What some files say, as of now: they are read when one of them has changed, and looked at otherwise. The same content
 * is parsed once. Files of a file system of this machine are looked at in place, which takes a fortieth of the time that it
 * takes by way of a thread; of others nobody knows how long they take.
 */
export class ReloadedFiles<Content> {
  readonly #paths: readonly string[];
  readonly #parse: (files: readonly Buffer[]) => Content;
  readonly #clock: Clock;
  readonly #isLocal: (path: string) => Promise<boolean>;
  /** Of the files that were read, as long as it stands for their content. */
  #stamp: string | undefined;
  /** Where they were when they were read. */
  #areLocal = false;
  #looking: Promise<Content> | undefined;
  #next: Promise<Content> | undefined;
  #last: { readonly files: readonly Buffer[]; readonly result: Result<Content> } | undefined;

  constructor(
    paths: readonly string[],
    parse: (files: readonly Buffer[]) => Content,
    clock: Clock,
    isLocal = isLocalFile,
  ) {
    this.#paths = paths;
    this.#parse = parse;
    this.#clock = clock;
    this.#isLocal = isLocal;
  }

  /** The same object while the files are the same. Rejects when one cannot be read, and with what `parse` throws. */
  current(): Promise<Content> {
    if (this.#next !== undefined) return this.#next;
    if (this.#looking === undefined) return this.#settled ?? this.#begin();
    // A look that has begun may miss what has changed since; all who come meanwhile share the next one.
    this.#next = this.#looking.then(ignore, ignore).then(() => {
      this.#next = undefined;
      return this.#settled ?? this.#begin();
    });
    return this.#next;
  }

  /** What was read last, if a look in place shows that it stands for the files. */
  get #settled(): Promise<Content> | undefined {
    if (!this.#areLocal || this.#stamp === undefined) return undefined;
    try {
      const stats = this.#paths.map((path) => statSync(path, { bigint: true }));
      if (stats.map(stampOf).join(" ") !== this.#stamp) return undefined;
    } catch {
      // The other way says why.
      return undefined;
    }
    const { result } = this.#last!;
    return "error" in result ? Promise.reject(result.error) : Promise.resolve(result.content);
  }

  #begin(): Promise<Content> {
    const looking = this.#look().finally(() => {
      if (this.#looking === looking) this.#looking = undefined;
    });
    this.#looking = looking;
    return looking;
  }

  async #look(): Promise<Content> {
    const nowMs = this.#clock.wallMs();
    const stats = await Promise.all(this.#paths.map((path) => fs.stat(path, { bigint: true })));
    const stamp = stats.map(stampOf).join(" ");
    if (this.#last === undefined || stamp !== this.#stamp) {
      const files = await Promise.all(this.#paths.map((path) => fs.readFile(path)));
      this.#areLocal = (await Promise.all(this.#paths.map(this.#isLocal))).every(Boolean);
      if (!isSame(files, this.#last?.files)) this.#last = { files, result: this.#tryParse(files) };
      this.#stamp = stats.every((each) => isSettled(each, nowMs)) ? stamp : undefined;
    }
    const { result } = this.#last!;
    if ("error" in result) throw result.error;
    return result.content;
  }

  #tryParse(files: readonly Buffer[]): Result<Content> {
    try {
      return { content: this.#parse(files) };
    } catch (error) {
      return { error: error as Error };
    }
  }
}

const ignore = () => {};

type Result<Content> = { readonly content: Content } | { readonly error: Error };

/** The change time moves also when a file is replaced by one that keeps its age. */
function stampOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

function isSettled({ mtimeMs, ctimeMs }: BigIntStats, nowMs: number): boolean {
  return Number(mtimeMs > ctimeMs ? mtimeMs : ctimeMs) < nowMs - GRAIN_MS;
}

function isSame(files: readonly Buffer[], others: readonly Buffer[] | undefined): boolean {
  return others !== undefined && files.every((file, i) => file.equals(others[i]!));
}
