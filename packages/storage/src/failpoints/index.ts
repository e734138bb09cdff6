import { Failpoints } from "./failpoints.ts";
import { type FailpointServer, serveFailpoints } from "./http.ts";
import { isFailpointName } from "./names.ts";
import { parsePresets } from "./presets.ts";

export { Failpoints } from "./failpoints.ts";
export type { FailpointServer } from "./http.ts";

/**
 * The points of this process; undefined unless `GOFAIL_HTTP` or `GOFAIL_FAILPOINTS` was set when it started, so that
 * a call site costs one comparison with a constant: `if (failpoints !== undefined) await failpoints.hit("...")`.
 */
export const failpoints: Failpoints | undefined = fromEnvironment(process.env);

/** Opens the HTTP interface when `GOFAIL_HTTP` asks for it. Rejects when it cannot listen there. */
export function openFailpointServer(): Promise<FailpointServer | undefined> {
  const address = process.env.GOFAIL_HTTP;
  if (failpoints === undefined || address === undefined || address === "") return Promise.resolve(undefined);
  return serveFailpoints(failpoints, address);
}

function fromEnvironment(environment: NodeJS.ProcessEnv): Failpoints | undefined {
  const presets = environment.GOFAIL_FAILPOINTS ?? "";
  if (presets === "" && (environment.GOFAIL_HTTP ?? "") === "") return undefined;
  const parsed = parsePresets(presets);
  // A test that asks for a fault and does not get it would pass for the wrong reason, so nothing is let through.
  if (typeof parsed === "string") throw new Error(`GOFAIL_FAILPOINTS: ${parsed}`);
  const points = new Failpoints();
  for (const [name, terms] of parsed) {
    // Points of other builds are not ours to refuse.
    if (isFailpointName(name)) points.enable(name, terms);
  }
  return points;
}
