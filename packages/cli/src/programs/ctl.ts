import { runEtcdctl } from "../ctl/program.ts";

/** `etcdctl …` and `quorate ctl …` */
export function run(args: readonly string[]): Promise<never> {
  return runEtcdctl(args.slice(args[0] === "etcdctl" ? 1 : 2));
}
