import type { SlowUnaryCalls } from "@quorate/rpc/server";
import { formatDuration } from "../config/duration.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";

/**
 * Has the log tell of unary requests that took longer than `--warning-unary-request-duration`. Of what a request asks for
 * nothing is told but its size: it is not kept for this.
 */
export function slowRequests(config: ServerConfig, log: Logger): SlowUnaryCalls {
  return {
    afterMs: config.warningUnaryMs,
    report({ path, peer, requestBytes, responseBytes }, tookMs, code) {
      log.warn("request stats", {
        "start time": new Date(Date.now() - tookMs).toISOString(),
        "time spent": formatDuration(tookMs),
        remote: peer.address.includes(":")
          ? `[${peer.address}]:${peer.port}`
          : `${peer.address}:${peer.port}`,
        "response type": path,
        "request size": requestBytes,
        "response size": responseBytes,
        code,
      });
    },
  };
}
