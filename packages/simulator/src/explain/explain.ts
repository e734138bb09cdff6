import { type RunResult, simulate } from "../run.ts";
import { buildTimeline } from "./build-timeline.ts";
import { type Minimised, type MinimiseLimits, minimise } from "./minimise.ts";
import { writePage } from "./render-page.ts";
import { type ReplayOptions, replayCommand, resolveReplay } from "./replay.ts";

export interface Explanation {
  /** The shell command that runs again what the page shows. */
  readonly replay: string;
  /** What was found to be enough; undefined when that was not asked for. */
  readonly minimised: Minimised | undefined;
}

/**
 * Writes a page about the run of `options`, whose result is `result`: minimised before, within `limits`, if there are any
 * and the run failed.
 */
export async function explain(
  options: ReplayOptions,
  result: RunResult,
  file: string,
  limits: MinimiseLimits | undefined,
): Promise<Explanation> {
  const run = await resolveReplay(options);
  const isMinimised = limits !== undefined && result.violations.length > 0;
  const minimised = isMinimised ? await minimise(options, result, limits) : undefined;
  const shown = await simulate({ ...(minimised?.run ?? run), isRecorded: true });
  const replay = replayCommand(minimised?.replay ?? options);
  const notes = minimised === undefined ? [] : [describeMinimised(minimised, result, shown)];
  await writePage(buildTimeline(shown, { replay, notes }), file);
  return { replay, minimised };
}

/** What is left of `whole` in `rest`. */
function describeMinimised(
  { runs, replay, wasCutShort }: Minimised,
  whole: RunResult,
  rest: Pick<RunResult, "faults" | "clients">,
): string {
  return (
    `Minimised to ${rest.faults.length} of ${whole.faults.length} faults, ` +
    `${rest.clients.length} of ${whole.clients.length} clients, and faults for ` +
    `${replay.troubleMs} ms instead of ${whole.scenario.troubleMs} ms, in ${runs} runs` +
    `${wasCutShort ? ", which was the limit: there may be less" : ""}.`
  );
}
