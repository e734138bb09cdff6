import { processSurroundings } from "../ctl/command-line/process-surroundings.ts";
import { Exit } from "../ctl/exit.ts";
import { runGrpcProxy } from "../grpc-proxy/program.ts";

/** `etcd grpc-proxy …` and `quorate grpc-proxy …` */
export async function run(args: readonly string[]): Promise<void> {
  try {
    await runGrpcProxy(args, processSurroundings());
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    process.exit(error.code);
  }
}
