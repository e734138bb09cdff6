import {
  ConfigError,
  createLogger,
  DiscoveryError,
  defaultHost,
  Member,
  makeServerConfig,
  notifySystemd,
  type OwnedLogger,
  parseFlags,
  readConfigFile,
  type ServerConfig,
} from "@quorate/server";
import { giveBackFreeMemory } from "./free-memory.ts";
import { lowerHelperThreads } from "./helper-threads.ts";
import { printVersion } from "./version.ts";

/** Starts a member and keeps it until a signal or a fatal error ends it. Sets the process's exit code. */
export async function runServer(program: string, args: readonly string[]): Promise<void> {
  let config: ServerConfig | undefined;
  try {
    config = await configure(program, args);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    await refuse(program, error);
  }
  const log = config && openLog(program, config);
  if (config === undefined || log === undefined) return;
  // What nobody answers for is a mistake of ours; the log shall have it before the process ends.
  process.on("uncaughtException", (error) => die(log, error));
  for (const warning of config.warnings) log.warn(warning);
  lowerHelperThreads();
  giveBackFreeMemory();
  try {
    const member = await Member.start(config, {
      logger: log,
      logLevel: log,
      onFatal: (error) => die(log, error),
      onServing: (serving) => stopOnSignals(serving, log),
      // The operator wanted it: that is no failure.
      onRemoved: () => exit(log, 0),
    });
    notifySystemd("READY=1");
    // Who takes us for etcd may read all that comes from a terminal as its log.
    if (process.stdout.isTTY && program !== "etcd") process.stdout.write(banner(config, member));
  } catch (error) {
    failToStart(program, log, config, error as Error);
  }
}

/** undefined when only something was asked, which is answered then. Rejects with `ConfigError`. */
async function configure(program: string, args: readonly string[]): Promise<ServerConfig | undefined> {
  const parsed = parseFlags(args, process.env);
  if (parsed.help) {
    const { flagsText, styleFor, usageText } = await import("./help.ts");
    // etcd's usage goes where its complaints go.
    (program === "etcd" ? process.stderr : process.stdout).write(usageText(program));
    process.stdout.write(flagsText(styleFor(process.stdout)));
    return undefined;
  }
  if (parsed.values.get("version") === true) {
    printVersion();
    return undefined;
  }
  return makeServerConfig(
    parsed.file === undefined ? parsed : await readConfigFile(parsed.file),
    defaultHost,
  );
}

/** A person is told in one line. Under etcd's name it is told as etcd does, for those who read what that says. */
async function refuse(program: string, { message, exitCode, fields }: ConfigError): Promise<void> {
  process.exitCode = exitCode;
  if (program !== "etcd") {
    const about = fields === undefined ? "" : ` (${Object.values(fields).join(", ")})`;
    process.stderr.write(`${program}: ${message}${about} (see '${program} --help')\n`);
  } else if (exitCode === 2) {
    const { usageText } = await import("./help.ts");
    process.stderr.write(`${message}\n${usageText(program)}\n`);
  } else {
    const log = createLogger({ level: "info", format: "json", outputs: ["stderr"] });
    if (fields === undefined) log.warn("failed to verify flags", { error: message });
    else log.fatal(message, fields);
  }
}

function openLog(program: string, config: ServerConfig): OwnedLogger | undefined {
  const { logLevel: level, logFormat: format, logOutputs: outputs, logRotation: rotation } = config;
  try {
    return createLogger({ level, format, outputs, rotation });
  } catch (error) {
    void refuse(program, new ConfigError((error as Error).message));
    return undefined;
  }
}

/** The member can no longer keep its promises: stop at once, without the tidying that could make it worse. */
function die(log: OwnedLogger, thrown: unknown): void {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  log.fatal("member stopped", { error: error.message, stacktrace: error.stack });
  exit(log, 1);
}

function failToStart(program: string, log: OwnedLogger, { discovery }: ServerConfig, error: Error): void {
  if (error instanceof DiscoveryError) {
    log.warn("failed to bootstrap; discovery token was already used", {
      ...(discovery?.kind === "service" && {
        "discovery-token": discovery.token,
        "discovery-endpoints": discovery.endpoints,
      }),
      error: error.message,
    });
    log.warn("do not reuse discovery token; generate a new one to bootstrap a cluster");
  }
  // etcd has these words for whatever keeps it from starting.
  else if (program === "etcd") log.fatal("discovery failed", { error: error.message });
  // One line: a mistake of the operator's is told to a person, everything else to the log.
  else if (error instanceof ConfigError) process.stderr.write(`${program}: ${error.message}\n`);
  else log.fatal("failed to start", { error: error.message });
  exit(log, 1);
}

function exit(log: OwnedLogger, code: number): never {
  log.flush();
  process.exit(code);
}

const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** Whoever waits for the process sees that the signal has ended it, in the end. */
function stopOnSignals(member: Member, log: OwnedLogger): void {
  let stopping = false;
  for (const signal of STOP_SIGNALS) {
    process.on(signal, () => {
      // A second signal means that somebody does not want to wait for the draining.
      if (stopping) endBy(signal, log);
      stopping = true;
      log.info("received signal; shutting down", { signal });
      member.close().then(
        () => endBy(signal, log),
        (error: Error) => die(log, error),
      );
    });
  }
}

/** The first process of a container cannot be ended by its own signal. */
function endBy(signal: NodeJS.Signals, log: OwnedLogger): void {
  if (process.pid === 1) exit(log, 0);
  log.flush();
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
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
