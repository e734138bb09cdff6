import type { ApiContext } from "../api/context.ts";
import { localCalls } from "../api/local-calls.ts";
import type { Services } from "../api/services.ts";
import { createGateway, type Gateway } from "./gateway/gateway.ts";
import { slowRequests } from "./slow-requests.ts";

/** The JSON gateway over this member's own services; with `--enable-grpc-gateway=false` only the access rules. */
export function openGateway(
  context: ApiContext,
  services: Services,
  onDefect: (error: unknown, request: string) => void,
): Gateway {
  const { config, clock, log, maxReceiveBytes } = context;
  const slow = slowRequests(config, log);
  return createGateway({
    backend: config.enableGateway
      ? localCalls(services, clock, maxReceiveBytes, onDefect, undefined, slow)
      : undefined,
    maxRequestBytes: config.maxRequestBytes,
    clock,
    cors: config.corsOrigins,
    hostWhitelist: config.hostWhitelist,
    clientCertAuth: config.clientTls?.namesClients ?? false,
    isAuthEnabled: () => context.access.isRestricted,
    onDefect,
  });
}
