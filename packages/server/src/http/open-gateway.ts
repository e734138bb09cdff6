import type { ApiContext } from "../api/context.ts";
import type { Services } from "../api/services.ts";
import type { HttpGateway } from "./servers.ts";

/** The JSON gateway over this member's own services. */
export function openGateway(_context: ApiContext, _services: Services): HttpGateway | undefined {
  return undefined;
}
