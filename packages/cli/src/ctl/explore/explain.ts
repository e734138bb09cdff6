import { Exit } from "../../command-line/exit.ts";
import type { FlagValues } from "../../command-line/flag-values.ts";
import type { Output } from "../../command-line/output.ts";

const NO_ANSWER = "context deadline exceeded";

/** The same failure; who sits at a terminal and got no answer is told more of it. */
export async function explain(exit: Exit, flags: FlagValues, output: Output): Promise<Exit> {
  if (exit.message !== NO_ANSWER || flags.changed("write-out") || !output.isTerminal()) return exit;
  const { whyNoAnswer } = await import("./why-no-answer.ts");
  const lines = await whyNoAnswer(flags.list("endpoints"));
  return new Exit(exit.code, [exit.message, ...lines].join("\n"));
}
