import type { TracingSettings } from "../config/tracing.ts";
import type { Logger } from "../log/logger.ts";
import type { CallTracing } from "./call-tracing.ts";

/**
 * Resolves also when there is no such collector: it may come later. Its libraries are large, and only who traces pays for
 * them: a name that only the running program knows keeps them out of the bundle as well.
 */
export async function openTracing(settings: TracingSettings, log: Logger): Promise<CallTracing> {
  const url = new URL("./spans.ts", import.meta.url).href;
  const { Spans } = (await import(url)) as typeof import("./spans.ts");
  return new Spans(settings, log.for("tracing/spans.ts"));
}
