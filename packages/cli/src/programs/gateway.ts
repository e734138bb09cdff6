import { Exit } from "../ctl/exit.ts";
import { Output } from "../ctl/output/output.ts";
import { StandardInput } from "../ctl/output/stdin.ts";
import { runGateway } from "../gateway/program.ts";

/** `etcd gateway …` and `quorate gateway …` */
export async function run(args: readonly string[]): Promise<void> {
  const surroundings = {
    environment: process.env,
    input: new StandardInput(() => process.stdin),
    output: new Output(),
  };
  try {
    await runGateway(args, surroundings);
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    process.exit(error.code);
  }
}
