import {
  ConfigError,
  createLogger,
  FLAG_SECTIONS,
  type Logger,
  Member,
  makeServerConfig,
  parseFlags,
  type ServerConfig,
} from "@quorate/server";
import { lowerHelperThreads } from "./helper-threads.ts";
import { printVersion } from "./version.ts";

const FIRST_COLUMN = 44;

/** Starts a member and keeps it until a signal or a fatal error ends it. Sets the process's exit code. */
export async function runServer(program: string, args: readonly string[]): Promise<void> {
  let config: ServerConfig;
  try {
    const parsed = parseFlags(args, process.env);
    if (parsed.help) {
      process.stdout.write(helpText(program));
      return;
    }
    if (parsed.values.get("version") === true) return printVersion();
    config = makeServerConfig(parsed);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(`${program}: ${error.message} (see '${program} --help')\n`);
    process.exitCode = error.exitCode;
    return;
  }

  const log = openLog(program, config);
  if (log === undefined) return;
  // What nobody answers for is a mistake of ours; the log shall have it before the process ends.
  process.on("uncaughtException", (error) => die(log, error));
  for (const warning of config.warnings) log.warn(warning);
  lowerHelperThreads();
  try {
    const member = await Member.start(config, {
      logger: log,
      onFatal: (error) => die(log, error),
      onServing: (serving) => stopOnSignals(serving, log),
      // The operator wanted it: that is no failure.
      onRemoved: () => process.exit(0),
    });
    // Who takes us for etcd may read all that comes from a terminal as its log.
    if (process.stdout.isTTY && program !== "etcd") process.stdout.write(banner(config, member));
  } catch (error) {
    // One line: a mistake of the operator's is told to a person, everything else to the log.
    if (error instanceof ConfigError) process.stderr.write(`${program}: ${error.message}\n`);
    else log.fatal("failed to start", { error: (error as Error).message });
    process.exit(1);
  }
}

function openLog(program: string, config: ServerConfig): Logger | undefined {
  try {
    return createLogger({ level: config.logLevel, format: config.logFormat, outputs: config.logOutputs });
  } catch (error) {
    process.stderr.write(`${program}: cannot open --log-outputs: ${(error as Error).message}\n`);
    process.exitCode = 1;
    return undefined;
  }
}

/** The member can no longer keep its promises: stop at once, without the tidying that could make it worse. */
function die(log: Logger, thrown: unknown): void {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  log.fatal("member stopped", { error: error.message, stacktrace: error.stack });
  process.exit(1);
}

function stopOnSignals(member: Member, log: Logger): void {
  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      // A second signal means that somebody does not want to wait for the draining.
      if (stopping) process.exit(1);
      stopping = true;
      log.info("received signal; shutting down", { signal });
      member.close().then(
        () => process.exit(0),
        (error: Error) => die(log, error),
      );
    });
  }
}

function banner(config: ServerConfig, member: Member): string {
  const url = member.clientUrls[0] ?? "";
  return (
    `\n  Quorate is serving ${member.clientUrls.join(", ")}\n` +
    `  member ${config.name}, data in ${config.dataDir}\n\n` +
    `  Try:  etcdctl --endpoints ${url} put greeting hello\n` +
    `        curl ${url}/v3/kv/range -d '{"key":"Z3JlZXRpbmc="}'\n` +
    "  Stop: Ctrl-C\n\n"
  );
}

function helpText(program: string): string {
  const lines = [
    `Usage:\n\n  ${program} [flags]\n    Start a member.\n\n  ${program} --version\n    Show the version.\n\n` +
      `  Every flag can also be given as an environment variable: --listen-client-urls is ETCD_LISTEN_CLIENT_URLS.\n`,
  ];
  for (const section of FLAG_SECTIONS) {
    lines.push(`${section.title}:`);
    for (const { name, kind, defaultText, help, support } of section.flags) {
      const value = kind === "bool" ? "" : ` '${defaultText}'`;
      const head = `  --${name}${value}`;
      const note =
        support === "supported"
          ? ""
          : support === "inert"
            ? " (accepted, no effect yet)"
            : " (not supported yet)";
      const start =
        head.length < FIRST_COLUMN ? head.padEnd(FIRST_COLUMN) : `${head}\n${" ".repeat(FIRST_COLUMN)}`;
      lines.push(`${start}${help}${note}`);
    }
    lines.push("");
  }
  return lines.join("\n");
}
