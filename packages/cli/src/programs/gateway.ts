import { processSurroundings } from "../ctl/command-line/process-surroundings.ts";
import { Exit } from "../ctl/exit.ts";
import { runGateway } from "../gateway/program.ts";

/** `etcd gateway …` and `quorate gateway …` */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await runGateway(args, processSurroundings());
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    process.exit(error.code);
  }
}
