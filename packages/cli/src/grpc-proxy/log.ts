import { writeSync } from "node:fs";
import type { Log } from "@quorate/proxy";
import type { Logger } from "@quorate/server/standalone-tls";

/** Lines of JSON on standard error, in etcd's layout. `debug`: also those that help to find mistakes. */
export function proxyLog(debug: boolean): Log {
  return (level, message, fields = {}) => {
    if (level === "debug" && !debug) return;
    writeLine(level, "grpc-proxy/start.ts", message, fields);
  };
}

/** The same for those who say where they speak. */
export function loggerOf(log: Log): Logger {
  return {
    debug: (message, fields) => log("debug", message, fields),
    info: (message, fields) => log("info", message, fields),
    warn: (message, fields) => log("warn", message, fields),
    error: (message, fields) => log("error", message, fields),
    fatal: (message, fields) => log("error", message, fields),
    for: () => loggerOf(log),
  };
}

function writeLine(
  level: string,
  caller: string,
  msg: string,
  fields: Readonly<Record<string, unknown>>,
): void {
  const ts = `${new Date().toISOString().slice(0, -1)}000Z`;
  try {
    writeSync(process.stderr.fd, `${JSON.stringify({ level, ts, caller, msg, ...fields })}\n`);
  } catch {
    // Nobody reads it, or not now: calls are more important.
  }
}
