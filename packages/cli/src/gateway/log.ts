import { writeSync } from "node:fs";

export type Log = (
  level: "info" | "warn",
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

/** A line of JSON on standard error, in etcd's layout. */
export const logLine: Log = (level, message, fields) => {
  const ts = `${new Date().toISOString().slice(0, -1)}000Z`;
  const line = JSON.stringify({ level, ts, caller: "gateway/tcp-proxy.ts", msg: message, ...fields });
  try {
    writeSync(process.stderr.fd, `${line}\n`);
  } catch {
    // Nobody reads it, or not now: connections are more important.
  }
};
