import { remoteAddress } from "@quorate/rpc/server";
import type { PlainRequest, PlainResponse } from "../http/plain-text.ts";
import { type LevelSetting, LOG_LEVELS, type Logger, type LogLevel } from "../log/logger.ts";

export const LOG_LEVEL_PATH = "/debug/log-level";

export interface LogLevelSource {
  readonly setting: LevelSetting;
  /** By whoever reaches the client port. */
  readonly isChangeable: boolean;
}

/** GET tells the level of the log; PUT with `?level=debug` changes it, until the member ends or it is changed again. */
export function answerLogLevel(
  { setting, isChangeable }: LogLevelSource,
  log: Logger,
  query: URLSearchParams,
  request: PlainRequest,
  res: PlainResponse,
): void {
  const { method } = request;
  if (method !== "GET" && !(method === "PUT" && isChangeable)) {
    res.writeHead(405, { allow: isChangeable ? "GET, PUT" : "GET" });
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
    change(setting, level as LogLevel, log, addressOf(request));
  }
  res.writeHead(200, { "content-type": "application/json" });
  res.end(`${JSON.stringify({ level: setting.level })}\n`);
}

/** Nobody has the log fall silent without a line about it, at whatever level it was. */
function change(setting: LevelSetting, to: LogLevel, log: Logger, remote: string): void {
  const from = setting.level;
  setting.level = "info";
  log.info("log level changed", { from, to, "remote-addr": remote });
  setting.level = to;
}

function addressOf({ socket, peer }: PlainRequest): string {
  return peer?.address ?? remoteAddress({ remoteAddress: socket?.remoteAddress });
}
