import type { ServerCall } from "@quorate/rpc";
import { FAILURES } from "../errors.ts";
import type { LeaderMonitor } from "../watch/leader-monitor.ts";
import type { WatchSink } from "../watch/sink.ts";
import type { WatchContext } from "./context.ts";
import type { Services } from "./services.ts";

/** `etcdserverpb.Watch`: connects a call with a watch stream. */
export function addWatchService(
  services: Services,
  context: WatchContext,
  leaderMonitor: LeaderMonitor,
): void {
  services.addStream("/etcdserverpb.Watch/Watch", (call) => {
    let leave: (() => void) | undefined;
    const stream = context.watches.openStream(sinkOf(call, () => leave?.()));
    if (call.metadata("hasleader") === "true") {
      leave = leaderMonitor.add(() => {
        const [code, text] = FAILURES.NO_LEADER;
        stream.fail(code, text);
      });
    }
    call.onMessage = (message) => stream.receive(message);
    call.onDrain = () => stream.drained();
    // A client that sends no more requests (every curl) goes on watching: half-close is not close.
    call.onHalfClose = () => {};
    call.onCancel = () => {
      leave?.();
      stream.close();
    };
  });
}

function sinkOf(call: ServerCall, onEnd: () => void): WatchSink {
  return {
    send: (message) => call.send(message),
    sendInParts: (parts) => call.sendInParts(parts),
    end: (code, message) => {
      onEnd();
      call.fail(code, message);
    },
    pauseReading: () => call.pauseReading(),
    resumeReading: () => call.resumeReading(),
  };
}
