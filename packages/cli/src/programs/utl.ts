import { runEtcdutl } from "../utl/program.ts";

/** `etcdutl …` and `quorate utl …` */
export function run(args: readonly string[]): Promise<never> {
  if (args[0] === "etcdutl") return runEtcdutl(args.slice(1), "etcdutl");
  return runEtcdutl(args.slice(2), "quorate utl");
}
