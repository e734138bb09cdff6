import type { Logger, LogLevel } from "../../logger.ts";

export const LEVEL_NAMES = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"] as const;
const NONE_LEVEL = LEVEL_NAMES.length - 1;

/** Where an interaction file's output gathers: the log lines of the nodes, and what the commands print. */
export class Output implements Logger {
  #text = "";
  /** Index into LEVEL_NAMES. NONE silences even what commands print. */
  level = 0;

  get quiet(): boolean {
    return this.level === NONE_LEVEL;
  }

  enabled(level: LogLevel): boolean {
    return this.level <= level;
  }

  log(level: LogLevel, text: string): void {
    if (this.enabled(level)) this.write(`${LEVEL_NAMES[level]} ${text}\n`);
  }

  write(text: string): void {
    if (!this.quiet) this.#text += text;
  }

  /** Whatever `inner` writes gets two spaces before each line. */
  indented(inner: () => void): void {
    const outer = this.#text;
    this.#text = "";
    let lines: string[] = [];
    try {
      inner();
    } finally {
      lines = this.#text.split("\n");
      if (lines.at(-1) === "") lines.pop();
      this.#text = outer;
      for (const line of lines) this.#text += `  ${line}\n`;
    }
  }

  /** All that was written, and starts anew. */
  take(): string {
    const text = this.#text;
    this.#text = "";
    return text;
  }
}
