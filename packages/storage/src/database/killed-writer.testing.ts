import { strict as assert } from "node:assert";
import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { killAtExit } from "@quorate/testkit/process";

/** When a process is killed: by what it has done, so that a slow machine makes no difference. */
export type KillMoment =
  /** It has written so many entries in this life. */
  | { readonly entries: number }
  /** It has called something durable. */
  | "durable"
  /** It dies by itself, where `GOFAIL_FAILPOINTS` says. */
  | { readonly failpoints: string };

interface Told {
  readonly opened?: number;
  readonly written?: number;
  readonly durable?: number;
}

/** Lets a process write until it is killed; the index that it called durable last. */
export async function writeUntilKilled(file: string, seed: number, moment: KillMoment): Promise<number> {
  const { GOFAIL_FAILPOINTS: _, ...env } = process.env;
  const failpoints = typeof moment === "object" && "failpoints" in moment ? moment.failpoints : undefined;
  if (failpoints !== undefined) env.GOFAIL_FAILPOINTS = failpoints;
  const child = fork(fileURLToPath(new URL("./crash-child.testing.ts", import.meta.url)), [file, `${seed}`], {
    stdio: ["ignore", "inherit", failpoints === undefined ? "inherit" : "ignore", "ipc"],
    env,
  });
  killAtExit(child);
  let opened = 0;
  let durable = 0;
  const isOver = ({ written, durable: durableNow }: Told): boolean => {
    if (moment === "durable") return durableNow !== undefined;
    return "entries" in moment && written !== undefined && written >= opened + moment.entries;
  };
  child.on("message", (told: Told) => {
    opened = told.opened ?? opened;
    durable = told.durable ?? durable;
    if (isOver(told)) child.kill("SIGKILL");
  });
  const signal = await new Promise((resolve) => child.on("exit", (_code, name) => resolve(name)));
  assert.equal(signal, "SIGKILL", "the process did not end by itself");
  return durable;
}
