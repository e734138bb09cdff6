import type { LeaderMonitor } from "../watch/leader-monitor.ts";
import { addAccessService } from "./access-service.ts";
import { addAuthService } from "./auth-service.ts";
import { addClusterService } from "./cluster-service.ts";
import { addElectionService } from "./concurrency/election-service.ts";
import { addLockService } from "./concurrency/lock-service.ts";
import type { ApiContext } from "./context.ts";
import { addHealthService } from "./health-service.ts";
import { addKvService } from "./kv/service.ts";
import { addLeaseService } from "./lease-service.ts";
import { addMaintenanceService } from "./maintenance-service.ts";
import { asOne, type CallObserver } from "./observed-calls.ts";
import { Services } from "./services.ts";
import { addSnapshotService } from "./snapshot-service.ts";
import { addWatchService } from "./watch-service.ts";

/** All services of a member. */
export function createServices(
  context: ApiContext,
  leaderMonitor: LeaderMonitor,
  observers: readonly CallObserver[] = [],
): Services {
  const services = new Services(context, asOne(observers));
  addKvService(services, context);
  addWatchService(services, context, leaderMonitor);
  addLeaseService(services, context, leaderMonitor);
  addMaintenanceService(services, context);
  addSnapshotService(services, context);
  addClusterService(services, context);
  addAuthService(services, context);
  addHealthService(services);
  addLockService(services, context);
  addElectionService(services, context);
  if (context.config.accessQuestions) addAccessService(services, context);
  return services;
}
