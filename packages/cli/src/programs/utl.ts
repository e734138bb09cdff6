import { runEtcdutl } from "../utl/program.ts";

/** `etcdutl …` and `quorate utl …` */
export function run(args: readonly string[]): Promise<never> {
  return runEtcdutl(args.slice(args[0] === "etcdutl" ? 1 : 2));
}
