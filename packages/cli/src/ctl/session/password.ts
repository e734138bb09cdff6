import type { Invocation } from "../../command-line/command.ts";

const INTERRUPT = "\u0003";
const BACKSPACES = ["\b", "\u007f"];

/** Asks, and takes a line without the white space around it. A terminal shows nothing of what is typed. */
export async function askPassword(
  prompt: string,
  { input, output }: Pick<Invocation, "input" | "output">,
): Promise<string> {
  const stdin = input.terminal();
  // Before the question is there: who answers it at once is not to see the answer.
  stdin?.setRawMode(true);
  output.write(prompt);
  if (stdin === undefined) {
    const line = (await input.line()) ?? input.unfinishedLine();
    output.write("\n");
    return line.trim();
  }
  try {
    return (await readHidden(stdin)).trim();
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
