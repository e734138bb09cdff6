import type { Backend } from "@quorate/storage/seams/backend";
import { decode, encode } from "@quorate/wire";
import {
  AuthenticateRequestSchema,
  AuthStatusRequestSchema,
  AuthStatusResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { RequestError } from "../errors.ts";
import type { AuthContext } from "./context.ts";
import type { Services } from "./services.ts";

/** Of a cluster in which nobody has touched users and roles. */
const FIRST_REVISION = 1n;

/**
 * What `etcdserverpb.Auth` answers where authentication is off, as it is wherever a member of this release serves. Clients
 * that have a user and a password go on without a token when they hear that they need none.
 */
export function addAuthService(services: Services, context: AuthContext): void {
  services.addAsync("/etcdserverpb.Auth/Authenticate", async (message) => {
    decode(AuthenticateRequestSchema, message);
    await context.consensus.linearizable();
    throw new RequestError("AUTH_NOT_ENABLED");
  });

  services.addAsync("/etcdserverpb.Auth/AuthStatus", async (message) => {
    decode(AuthStatusRequestSchema, message);
    await context.consensus.linearizable();
    return encode(AuthStatusResponseSchema, {
      header: context.headers.fields(context.store.currentRevision),
      enabled: false,
      authRevision: authRevision(context.backend),
    });
  });
}

/** Data that a member of etcd has written may have one that counts earlier changes. */
function authRevision(backend: Backend): bigint {
  const stored = backend.get("auth", Buffer.from("authRevision"));
  if (stored === undefined) return FIRST_REVISION;
  const revision = Buffer.from(stored.buffer, stored.byteOffset, stored.length).readBigUInt64BE();
  return revision === 0n ? FIRST_REVISION : revision;
}
