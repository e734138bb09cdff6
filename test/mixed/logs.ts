/** What members write to their logs, in the lives of their processes. */
import { readFileSync } from "node:fs";
import type { MemberProcess } from "../cluster/member-process.ts";

/** The lines of the present or last life. */
export function linesOf(member: MemberProcess): string[] {
  const lines = readFileSync(member.logFile, "utf8").trimEnd().split("\n");
  return lines.slice(lines.findLastIndex((line) => line.startsWith("=== life ")) + 1);
}

/** Whether the present or last life has said it, as a message or anywhere else in a line. */
export function says(member: MemberProcess, text: string | RegExp): boolean {
  return linesOf(member).some((line) => (typeof text === "string" ? line.includes(text) : text.test(line)));
}
