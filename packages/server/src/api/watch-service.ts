import type { ServerCall } from "@quorate/rpc/server";
import { codeName } from "@quorate/rpc/status";
import { FAILURES, statusOf, WATCH_REFUSALS, withFacts } from "../errors.ts";
import { CALL_NEEDS } from "../operations/call-needs.ts";
import type { LeaderMonitor } from "../watch/leader-monitor.ts";
import type { WatchedKeys } from "../watch/stream.ts";
import { callerOf } from "./callers.ts";
import type { WatchContext } from "./context.ts";
import { ObservedCall } from "./observed-calls.ts";
import type { Services } from "./services.ts";

/** `etcdserverpb.Watch`: connects a call with a watch stream. */
export function addWatchService(
  services: Services,
  context: WatchContext,
  leaderMonitor: LeaderMonitor,
): void {
  services.addStream("/etcdserverpb.Watch/Watch", (call) => {
    const stream = context.watches.openStream(call, (keys) => refusalOf(context, keys, call));
    if (call.metadata("hasleader") === "true") {
      stream.onClose = leaderMonitor.add(() => {
        stream.fail(...FAILURES.NO_LEADER);
      });
    }
    call.onMessage = (message) => stream.receive(message);
    call.onDrain = () => stream.drained();
    // A client that sends no more requests (every curl) goes on watching: half-close is not close.
    call.onHalfClose = () => {};
    call.onCancel = (reason) => {
      if (reason === "failed" && context.measures !== undefined) context.measures.streamFailures.watch++;
      stream.close();
    };
  });
}

/** Why a watcher of these keys is not created, as its client is told: the text of a whole status, and only of some. */
function refusalOf({ access }: WatchContext, keys: WatchedKeys, call: ServerCall): string | undefined {
  try {
    if (access.isRestricted) CALL_NEEDS.Watch(keys, access.needsOf(callerOf(call)));
    if (call instanceof ObservedCall) call.watched(keys, undefined);
    return undefined;
  } catch (error) {
    if (call instanceof ObservedCall) call.watched(keys, error);
    const [code, text] = statusOf(error) ?? FAILURES.PERMISSION_DENIED;
    return withFacts(WATCH_REFUSALS.NOT_PERMITTED, [codeName(code), text]);
  }
}
