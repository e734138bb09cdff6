import { encode } from "@quorate/wire";
import { LeaseLeasesResponseSchema } from "@quorate/wire/etcdserverpb";
import type { LeaderMonitor } from "../watch/leader-monitor.ts";
import { type ApiContext, headerFields } from "./context.ts";
import { LeaderQuestions } from "./lease/ask-leader.ts";
import { handleLeaseGrant } from "./lease/grant.ts";
import { KeepAliveStream } from "./lease/keep-alive.ts";
import { handleLeaseRevoke } from "./lease/revoke.ts";
import { handleLeaseTimeToLive } from "./lease/time-to-live.ts";
import type { Services } from "./services.ts";

/** `etcdserverpb.Lease`. */
export function addLeaseService(services: Services, context: ApiContext, leaderMonitor: LeaderMonitor): void {
  const questions = new LeaderQuestions(context);
  services.addUnary("/etcdserverpb.Lease/LeaseGrant", (message, call) =>
    handleLeaseGrant(context, message, call),
  );
  services.addUnary("/etcdserverpb.Lease/LeaseRevoke", (message, call) =>
    handleLeaseRevoke(context, message, call),
  );
  services.addAsync("/etcdserverpb.Lease/LeaseTimeToLive", (message, call) =>
    handleLeaseTimeToLive(context, questions, message, call),
  );
  services.addAsync("/etcdserverpb.Lease/LeaseLeases", async () => {
    // What this member knows, even without a leader.
    const ids = await context.lessor.leases();
    return encode(LeaseLeasesResponseSchema, {
      header: headerFields(context),
      leases: ids.map((ID) => ({ ID })),
    });
  });
  services.addStream("/etcdserverpb.Lease/LeaseKeepAlive", (call) => {
    new KeepAliveStream(context, questions, call).start(leaderMonitor);
  });
}
