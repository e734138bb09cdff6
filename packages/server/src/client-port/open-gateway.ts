import type { ApiContext } from "../api/context.ts";
import { type LocalServices, localCalls } from "../api/local-calls.ts";
import { createGateway, type Gateway } from "./gateway/gateway.ts";
import { keysSite } from "./keys/site.ts";
import { openApiSite } from "./openapi/site.ts";
import { slowRequests } from "./slow-requests.ts";

/** The JSON gateway and keys as resources, over this member's own services; with `--enable-grpc-gateway=false` only the access rules. */
export function openGateway(
  context: ApiContext,
  services: LocalServices,
  onDefect: (error: unknown, request: string) => void,
): Gateway {
  const { config, clock, log, maxReceiveBytes } = context;
  const slow = slowRequests(config, log);
  const backend = localCalls(services, clock, maxReceiveBytes, onDefect, undefined, slow);
  const isAuthEnabled = () => context.access.isRestricted;
  const keys = {
    backend,
    clock,
    maxValueBytes: config.maxRequestBytes,
    isAuthEnabled,
    isValid: (token: string) => isValid(context, token),
    onDefect,
  };
  return createGateway({
    backend: config.enableGateway ? backend : undefined,
    openBeside: (shared) => [keysSite(keys, shared), openApiSite(backend.serves)],
    maxRequestBytes: config.maxRequestBytes,
    clock,
    cors: config.corsOrigins,
    hostWhitelist: config.hostWhitelist,
    clientCertAuth: config.clientTls?.namesClients ?? false,
    isAuthEnabled,
    onDefect,
  });
}

/** One that was made before permissions changed may be refused from then on. */
function isValid({ auth, tokens }: ApiContext, token: string): boolean {
  const holder = tokens.holderOf(token);
  return holder !== undefined && (holder.authRevision ?? auth.revision) === auth.revision;
}
