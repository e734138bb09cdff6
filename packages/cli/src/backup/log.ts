import type { Log } from "@quorate/backup";
import { badArguments } from "../command-line/exit.ts";
import type { Output } from "../command-line/output.ts";

/** Lines on standard error: JSON as members write it, or what people read. Throws Exit when there is no such format. */
export function logIn(format: string, output: Output): Log {
  if (format !== "json" && format !== "console")
    throw badArguments(`--log-format: ${format} is neither json nor console`);
  return (level, msg, fields = {}) => {
    const time = new Date().toISOString();
    if (format === "json") {
      const ts = `${time.slice(0, -1)}000Z`;
      output.errorLine(JSON.stringify({ level, ts, caller: "backup/run.ts", msg, ...fields }));
      return;
    }
    const facts = Object.entries(fields).map(([name, value]) => `${name}=${valueText(value)}`);
    output.errorLine([time, level.toUpperCase().padEnd(5), msg, ...facts].join("  "));
  };
}

function valueText(value: unknown): string {
  return typeof value === "string" && /^[\w.:/-]+$/.test(value) ? value : JSON.stringify(value);
}
