import type { Invocation } from "../../command-line/command.ts";
import { Exit, ExitCode } from "../../command-line/exit.ts";
import { inheritedFlags } from "../../command-line/find-command.ts";

const PREFIX = "ETCDCTL_";
/** They are for the command `watch` and no flags. */
const OF_WATCH = ["ETCDCTL_WATCH_KEY", "ETCDCTL_WATCH_RANGE_END"];

/**
 * Sets the flags that a command has from those above it to what the environment says. Throws Exit when the command line says
 * something as well; says so when there is a variable that means no flag.
 */
export function applyEnvironment({ path, flags, environment, output }: Invocation): void {
  const given = new Set<string>();
  const used = new Set<string>(path.at(-1)!.name === "watch" ? OF_WATCH : []);
  for (const spec of inheritedFlags(path)) {
    const variable = variableOf(spec.name);
    const text = environment[variable];
    if (flags.changed(spec.name)) given.add(variable);
    else if (text !== undefined && text !== "") {
      used.add(variable);
      try {
        flags.set(spec, text);
      } catch {
        // etcd's own tool keeps the default then, and says nothing.
      }
    }
  }
  for (const [variable, text] of Object.entries(environment)) {
    if (used.has(variable) || !variable.startsWith(PREFIX)) continue;
    if (given.has(variable)) {
      const message =
        "conflicting environment variable is shadowed by corresponding command-line flag (either unset environment variable or disable flag))";
      output.errorLine(logLine("fatal", message, variable));
      throw new Exit(ExitCode.ERROR);
    }
    output.errorLine(logLine("warn", "unrecognized environment variable", `${variable}=${text}`));
  }
}

export function variableOf(flagName: string): string {
  return PREFIX + flagName.toUpperCase().replaceAll("-", "_");
}

function logLine(level: string, msg: string, variable: string): string {
  return JSON.stringify({ level, ts: new Date().toISOString(), msg, "environment-variable": variable });
}
