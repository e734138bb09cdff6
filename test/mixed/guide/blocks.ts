/** The commands of a guide: its fenced `sh` blocks, by the headings under which they stand. */
import { readFileSync } from "node:fs";

export interface Block {
  /** The script, without the indentation of the list that the block is in. */
  readonly script: string;
  /** The machine: `on=NAME` behind the fence's `sh`. Default "admin". */
  readonly machine: string;
  /** `runs`: it does not end by itself. */
  readonly runs: boolean;
  /** `again`: to be asked again when the cluster calls itself unhealthy, as the guide says. */
  readonly again: boolean;
  /** `check=NAME`: what is to be seen in its output. */
  readonly check: string | undefined;
  /** For messages. */
  readonly line: number;
}

/** Blocks by heading. Every fence of the language `sh` is one; other languages are refused, so that none is overlooked. */
export function blocksOf(file: string): ReadonlyMap<string, readonly Block[]> {
  const sections = new Map<string, Block[]>();
  let heading = "";
  let open: { fence: string; indentation: number; info: string; line: number; script: string[] } | undefined;
  for (const [index, text] of readFileSync(file, "utf8").split("\n").entries()) {
    const fence = /^( *)(```+)(.*)$/.exec(text);
    if (open !== undefined) {
      if (fence?.[2] !== open.fence) {
        open.script.push(text.slice(open.indentation));
        continue;
      }
      const blocks = sections.get(heading) ?? [];
      sections.set(heading, blocks);
      blocks.push(toBlock(open.info, open.script, open.line));
      open = undefined;
    } else if (fence !== null) {
      open = {
        fence: fence[2]!,
        indentation: fence[1]!.length,
        info: fence[3]!,
        line: index + 1,
        script: [],
      };
    } else if (text.startsWith("## ")) heading = text.slice(3);
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: the block has no end`);
  return sections;
}

function toBlock(info: string, script: readonly string[], line: number): Block {
  const [language, ...words] = info.split(" ");
  if (language !== "sh") throw new Error(`line ${line}: a block of "${language}", which nobody runs`);
  const block = {
    script: script.join("\n"),
    machine: "admin",
    runs: false,
    again: false,
    check: undefined as string | undefined,
  };
  for (const word of words) {
    const [key, value] = word.split("=");
    if (key === "on" && value !== undefined) block.machine = value;
    else if (key === "check" && value !== undefined) block.check = value;
    else if (word === "runs") block.runs = true;
    else if (word === "again") block.again = true;
    else throw new Error(`line ${line}: "${word}" means nothing`);
  }
  return { ...block, line };
}
