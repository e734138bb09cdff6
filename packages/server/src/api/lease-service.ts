import { decode } from "@quorate/wire";
import { LeaseLeasesRequestSchema } from "@quorate/wire/etcdserverpb";
import { LEASE_REVOKE } from "../operations/lease-revoke.ts";
import type { LeaderMonitor } from "../watch/leader-monitor.ts";
import type { LeaseContext } from "./context.ts";
import { LeaderQuestions } from "./lease/ask-leader.ts";
import { LeaseGrantMethod } from "./lease/grant.ts";
import { KeepAliveStream } from "./lease/keep-alive.ts";
import { handleLeaseLeases } from "./lease/leases.ts";
import { handleLeaseRevoke } from "./lease/revoke.ts";
import { handleLeaseTimeToLive } from "./lease/time-to-live.ts";
import { LoggedMethod } from "./logged-method.ts";
import type { Services } from "./services.ts";

/** `etcdserverpb.Lease`. */
export function addLeaseService(
  services: Services,
  context: LeaseContext,
  leaderMonitor: LeaderMonitor,
): void {
  const questions = new LeaderQuestions(context);
  const grant = new LeaseGrantMethod(context);
  const revoke = new LoggedMethod(LEASE_REVOKE, context);
  services.addUnary("/etcdserverpb.Lease/LeaseGrant", (message, call) => grant.serve(message, call));
  services.addUnary("/etcdserverpb.Lease/LeaseRevoke", (message, call) =>
    handleLeaseRevoke(context, revoke, message, call),
  );
  services.addUnary("/etcdserverpb.Lease/LeaseTimeToLive", (message, call) =>
    handleLeaseTimeToLive(context, questions, message, call),
  );
  services.addUnary("/etcdserverpb.Lease/LeaseLeases", (message, call) => {
    decode(LeaseLeasesRequestSchema, message);
    handleLeaseLeases(context, call);
  });
  services.addStream("/etcdserverpb.Lease/LeaseKeepAlive", (call) => {
    new KeepAliveStream(context, questions, call).start(leaderMonitor);
  });
}
