import path from "node:path";
import type { Writable } from "node:stream";
import { clientUrl, type Layout, prepareLayout, removeTemporary } from "./layout.ts";
import { LocalCluster } from "./local-cluster.ts";
import { DEV_HELP, DevError, type DevOptions, parseDevOptions } from "./options.ts";

/** Cyan, yellow, magenta, green, blue, and the bright ones: readable on dark and on light. */
const COLOURS = [36, 33, 35, 32, 34, 96, 93, 95, 92];
const BOLD = 1;
const RED = 31;

/** Runs a local cluster until a signal or the end of all its members. Sets the process's exit code. */
export async function runDev(args: readonly string[]): Promise<void> {
  let options: DevOptions;
  let layout: Layout;
  try {
    options = parseDevOptions(args);
    if (options.help) {
      process.stdout.write(DEV_HELP);
      return;
    }
    layout = await prepareLayout(options);
  } catch (error) {
    if (!(error instanceof DevError)) throw error;
    process.stderr.write(`quorate dev: ${error.message} (see 'quorate dev --help')\n`);
    process.exitCode = 2;
    return;
  }
  const outcome = await serve(options, layout, process.stdout);
  // What members left that ended by themselves may tell why.
  if (outcome !== "all ended") removeTemporary(layout);
  // A connection that is still open to one of the members must not keep this process.
  process.exit(outcome === "stopped" ? 0 : 1);
}

/** Resolves when no member runs any more, with why. */
async function serve(
  options: DevOptions,
  layout: Layout,
  output: Writable,
): Promise<"stopped" | "killed" | "all ended"> {
  const paint = painter();
  const say = (text: string): void => {
    output.write(`${text}\n`);
  };
  const width = Math.max(...layout.members.map(({ name }) => name.length));
  const cluster = new LocalCluster(
    layout,
    options.command ?? OWN_MEMBER,
    ["--log-format", "console", ...options.memberFlags],
    ({ name }, i) => `${paint(COLOURS[i % COLOURS.length]!, `${name.padEnd(width)} |`)} `,
    output,
    {
      memberDied: ({ name, dataDir }, { how }, stillRunning) => {
        say(paint(RED, `\n*** member ${name} ended by itself: ${how}. It is not started again.`));
        say(`    Its last lines are above, its data is in ${dataDir}. ${remaining(layout, stillRunning)}\n`);
      },
      killing: (names) => say(paint(RED, `*** ${names.join(", ")} did not stop in time and is killed`)),
    },
  );

  let stopped = false;
  let killed = false;
  const stop = (why: string): void => {
    if (!stopped) {
      stopped = true;
      say(`\n${why}: stopping ${layout.members.length === 1 ? "the member" : "all members"} (again: kill)`);
      cluster.stop();
    } else {
      killed = true;
      cluster.kill();
    }
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stop(signal));
  // Whoever read the output has gone; there is nobody left to tell.
  output.on("error", () => cluster.stop());
  process.on("exit", () => cluster.kill());

  void cluster.healthy().then((healthy) => {
    if (healthy) say(banner(layout, cluster.runningCount, options, paint));
  });
  await cluster.ended;
  if (killed) return "killed";
  return stopped ? "stopped" : "all ended";
}

/** This program, run as a member that ends when its standard input does. */
const OWN_MEMBER: readonly string[] = [
  process.execPath,
  ...process.execArgv,
  path.resolve(import.meta.dirname, "../main.ts"),
  "quorate",
  "dev-member",
];

type Paint = (code: number, text: string) => string;

function painter(): Paint {
  const isColoured = process.stdout.isTTY === true && !process.env.NO_COLOR;
  return (code, text) => (isColoured ? `\x1b[${code}m${text}\x1b[0m` : text);
}

function remaining(layout: Layout, stillRunning: number): string {
  const size = layout.members.length;
  if (stillRunning === 0) return "No member is left.";
  const quorum = Math.floor(size / 2) + 1;
  return stillRunning >= quorum
    ? `${stillRunning} of ${size} members go on.`
    : `${stillRunning} of ${size} members go on, which is no quorum: nothing can be written.`;
}

function banner(layout: Layout, runningCount: number, options: DevOptions, paint: Paint): string {
  const { members, dataDir, isTemporary } = layout;
  const endpoints = members.map((member) => `127.0.0.1:${member.clientPort}`).join(",");
  const first = clientUrl(members[0]!);
  const serves =
    members.length === 1 ? "One member serves." : `${runningCount} of ${members.length} members serve.`;
  return [
    "",
    `  ${paint(BOLD, `${serves} Stop: Ctrl-C`)}`,
    "",
    ...members.map((member) => `    ${member.name}  ${clientUrl(member)}`),
    "",
    `    export ETCDCTL_ENDPOINTS=${endpoints}`,
    `    curl ${first}/v3/kv/put -d '{"key":"Z3JlZXRpbmc=","value":"aGVsbG8="}'`,
    `    curl ${first}/v3/kv/range -d '{"key":"Z3JlZXRpbmc="}'`,
    "",
    `  Data: ${dataDir}${isTemporary ? " (removed at the end)" : ""}${options.command === undefined ? "" : `; command: ${options.command.join(" ")}`}`,
    "",
  ].join("\n");
}
