import { Exit, ExitCode } from "../exit.ts";
import type { Output } from "../output/output.ts";

const INTERRUPT = "\u0003";
const BACKSPACES = ["\b", "\u007f"];

/** Asks on the terminal, showing nothing of what is typed. Throws Exit when there is no terminal. */
export async function askPassword(prompt: string, output: Output): Promise<string> {
  output.write(prompt);
  const { stdin } = process;
  if (!stdin.isTTY) throw new Exit(ExitCode.ERROR, "inappropriate ioctl for device");
  stdin.setRawMode(true);
  try {
    return await readHidden(stdin);
  } finally {
    stdin.setRawMode(false);
    output.write("\n");
  }
}

/** What came behind the end of a line belongs to the next question. */
let left = "";

async function readHidden(stdin: NodeJS.ReadStream): Promise<string> {
  let typed = "";
  const take = (): boolean => {
    for (const [i, character] of [...left].entries()) {
      if (character === "\r" || character === "\n") {
        left = [...left].slice(i + 1).join("");
        return true;
      }
      if (character === INTERRUPT) process.kill(process.pid, "SIGINT");
      else if (BACKSPACES.includes(character)) typed = typed.slice(0, -1);
      else typed += character;
    }
    left = "";
    return false;
  };
  if (take()) return typed;
  const { promise, resolve } = Promise.withResolvers<void>();
  const onData = (chunk: Buffer) => {
    left += chunk.toString();
    if (take()) resolve();
  };
  stdin.on("data", onData);
  stdin.once("end", resolve);
  stdin.resume();
  await promise;
  stdin.off("data", onData);
  stdin.pause();
  return typed;
}
