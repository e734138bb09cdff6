import { readFileSync } from "node:fs";
import type { Clock } from "@quorate/storage/seams/clock";
import { ConfigError } from "../config/errors.ts";
import type { Logger } from "../log/logger.ts";
import { ReloadedFiles } from "./reloaded-files.ts";

export interface NamedFile {
  readonly path: string;
  /** The flag that names it. */
  readonly flag: string;
}

export interface UsableFilesOptions<Content> {
  readonly files: readonly NamedFile[];
  /** Throws when they are of no use, which is then told to the log. */
  readonly parse: (files: readonly Buffer[]) => Content;
  /** What is logged then, without the reason. */
  readonly complaint: string;
  /** What is thrown when they cannot be read at first, or are of no use; otherwise it names the flags. */
  readonly refusal?: (error: Error) => Error;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * What some files said when they were of use last: a replaced one that is half written, broken or gone is told to the log,
 * and changes nothing until it is of use again.
 */
export class UsableFiles<Content> {
  readonly #options: UsableFilesOptions<Content>;
  readonly #reloaded: ReloadedFiles<Content>;
  #content: Content;
  #toldFailure: string | undefined;

  /** Reads the files. Throws what `refusal` makes of it when one cannot be read or they are of no use. */
  constructor(options: UsableFilesOptions<Content>) {
    const { clock, files, parse, refusal = (error) => refusalNaming(files, error) } = options;
    this.#options = options;
    const paths = files.map(({ path }) => path);
    this.#reloaded = new ReloadedFiles(paths, parse, clock);
    try {
      this.#content = parse(readAll(files));
    } catch (error) {
      throw refusal(error as Error);
    }
  }

  /** As of the last look. */
  get last(): Content {
    return this.#content;
  }

  /** As of now. The same object while the files are the same. Never rejects. */
  async current(): Promise<Content> {
    try {
      this.#content = await this.#reloaded.current();
      this.#toldFailure = undefined;
    } catch (error) {
      this.#tell((error as Error).message);
    }
    return this.#content;
  }

  /** Once for each reason, not for each connection. */
  #tell(failure: string): void {
    if (failure === this.#toldFailure) return;
    this.#toldFailure = failure;
    const { complaint, files, log } = this.#options;
    const paths = Object.fromEntries(files.map(({ flag, path }) => [flag, path]));
    log.warn(`${complaint}; the last one that worked stays in use`, { ...paths, error: failure });
  }
}

function readAll(files: readonly NamedFile[]): Buffer[] {
  return files.map(({ path, flag }) => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw new UnreadableError(`cannot read --${flag}: ${(error as Error).message}`);
    }
  });
}

class UnreadableError extends Error {}

function refusalNaming(files: readonly NamedFile[], error: Error): ConfigError {
  if (error instanceof UnreadableError) return new ConfigError(error.message);
  const names = files.map(({ flag, path }) => `--${flag} ${path}`).join(" and ");
  return new ConfigError(`${names}: ${error.message}`);
}
