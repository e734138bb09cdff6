import { runEtcdctl } from "../ctl/program.ts";

/** `etcdctl …` and `quorate ctl …` */
export function run(args: readonly string[]): Promise<never> {
  if (args[0] === "etcdctl") return runEtcdctl(args.slice(1));
  return runEtcdctl(args.slice(2), "quorate ctl");
}
