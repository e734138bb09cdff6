import type { PlainRequest, PlainResponse } from "../http/plain-text.ts";
import { type LevelSetting, LOG_LEVELS, type LogLevel } from "../log/logger.ts";

export const LOG_LEVEL_PATH = "/debug/log-level";

/** GET tells the level of the log; PUT with `?level=debug` changes it, until the member ends or it is changed again. */
export function answerLogLevel(
  setting: LevelSetting,
  query: URLSearchParams,
  { method }: PlainRequest,
  res: PlainResponse,
): void {
  if (method !== "GET" && method !== "PUT") {
    res.writeHead(405, { allow: "GET, PUT" });
    res.end("");
    return;
  }
  const level = query.get("level");
  if (method === "PUT") {
    if (!LOG_LEVELS.includes(level as LogLevel)) {
      res.writeHead(400, { "content-type": "text/plain; charset=utf-8" });
      res.end(`level must be one of ${LOG_LEVELS.join(", ")}\n`);
      return;
    }
    setting.level = level as LogLevel;
  }
  res.writeHead(200, { "content-type": "application/json" });
  res.end(`${JSON.stringify({ level: setting.level })}\n`);
}
