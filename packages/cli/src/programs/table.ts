/** What the commands may start. Every start loads this, so it imports nothing before it is asked to. */

/** A program, made of what lies behind one file, so that none loads what only others need. */
export interface Program {
  /** The file that it begins with, beside this one. */
  readonly entry: string;
  /** Loads that file, and what lies behind it. */
  loadSources(): Promise<Runnable>;
  /** The name of the one file that is made of it. */
  readonly bundle: string;
}

/** What an entry exports. `args[0]` is the command's name, the rest its own arguments. */
export interface Runnable {
  run(args: readonly string[]): Promise<void>;
}

export const PROGRAMS = {
  /** A member of a cluster. */
  member: { entry: "member.ts", loadSources: () => import("./member.ts"), bundle: "member.mjs" },
  /** Several members on this machine, which it starts as processes. */
  dev: { entry: "dev.ts", loadSources: () => import("./dev.ts"), bundle: "dev.mjs" },
  /** What a cluster is asked by hand. */
  ctl: { entry: "ctl.ts", loadSources: () => import("./ctl.ts"), bundle: "ctl.mjs" },
  /** What is done with the files of members that are not running. */
  utl: { entry: "utl.ts", loadSources: () => import("./utl.ts"), bundle: "utl.mjs" },
  /** Hands connections on to the members of a cluster. */
  gateway: { entry: "gateway.ts", loadSources: () => import("./gateway.ts"), bundle: "gateway.mjs" },
  /** Does for many clients at once what each would have a member do. */
  grpcProxy: {
    entry: "grpc-proxy.ts",
    loadSources: () => import("./grpc-proxy.ts"),
    bundle: "grpc-proxy.mjs",
  },
  /** Makes backups of a cluster, and members of them. */
  backup: { entry: "backup.ts", loadSources: () => import("./backup.ts"), bundle: "backup.mjs" },
  /** What the commands tell about themselves. */
  about: { entry: "about.ts", loadSources: () => import("./about.ts"), bundle: "about.mjs" },
} as const satisfies Record<string, Program>;

/** The program that a command line means. `args[0]` is the command's name (`quorate`, `etcd`, `etcdctl` or `etcdutl`). */
export function programFor(args: readonly string[]): Program {
  const [command, first] = args;
  if (command === "etcdctl" || (command === "quorate" && first === "ctl")) return PROGRAMS.ctl;
  if (command === "etcdutl" || (command === "quorate" && first === "utl")) return PROGRAMS.utl;
  if (first === "gateway") return PROGRAMS.gateway;
  if (first === "grpc-proxy") return PROGRAMS.grpcProxy;
  if (command === "quorate" && (first === "backup" || first === "restore")) return PROGRAMS.backup;
  // With anything beside it the flags are checked first, which only a member does.
  if (args.length === 2 && (first === "--version" || first === "-version")) return PROGRAMS.about;
  if (command === "etcd" || first === undefined || first.startsWith("-")) return PROGRAMS.member;
  if (first === "server" || first === "dev-member") return PROGRAMS.member;
  return first === "dev" ? PROGRAMS.dev : PROGRAMS.about;
}
