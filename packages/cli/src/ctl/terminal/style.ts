import type { Invocation } from "../../command-line/command.ts";
import { quote } from "../../go-text/quote.ts";

/** What stands out on a terminal; elsewhere text stays as it is. */
export interface Style {
  added(text: string): string;
  removed(text: string): string;
  changed(text: string): string;
  folder(text: string): string;
  /** The parts of a line, of bytes that are written as they are. */
  name(bytes: Uint8Array): readonly (string | Uint8Array)[];
}

const PLAIN: Style = { added: same, removed: same, changed: same, folder: same, name: (bytes) => [bytes] };
const COLOURED: Style = {
  added: (text) => `\u001b[32m${text}\u001b[0m`,
  removed: (text) => `\u001b[31m${text}\u001b[0m`,
  changed: (text) => `\u001b[33m${text}\u001b[0m`,
  folder: (text) => `\u001b[1;34m${text}\u001b[0m`,
  name: (bytes) => ["\u001b[1;34m", bytes, "\u001b[0m"],
};

function same(text: string): string {
  return text;
}

/** Colours are for people: not for files and pipes, nor where a format is asked for, nor where `NO_COLOR` is set. */
export function styleOf({ flags, environment, output }: Invocation): Style {
  const wanted = output.isTerminal() && !flags.changed("write-out") && (environment.NO_COLOR ?? "") === "";
  return wanted ? COLOURED : PLAIN;
}

/** A key or a value as text that can be read and stays on its line; in quotes when it could be mistaken. */
export function shown(bytes: Uint8Array): string {
  const quoted = quote(bytes);
  const bare = quoted.slice(1, -1);
  return bare === "" || /["\\\s]/.test(bare) ? quoted : bare;
}
