import type { ServerCall } from "@quorate/rpc/server";
import { decode, encode } from "@quorate/wire";
import {
  AuthenticateResponseSchema,
  AuthStatusRequestSchema,
  AuthStatusResponseSchema,
} from "@quorate/wire/etcdserverpb";
import type { Waiter } from "../auth/fair-turns.ts";
import { AUTH_DISABLE } from "../operations/auth/disable.ts";
import { AUTH_ENABLE } from "../operations/auth/enable.ts";
import { ROLE_ADD } from "../operations/auth/role-add.ts";
import { ROLE_DELETE } from "../operations/auth/role-delete.ts";
import { ROLE_GET } from "../operations/auth/role-get.ts";
import { ROLE_GRANT_PERMISSION } from "../operations/auth/role-grant-permission.ts";
import { ROLE_LIST } from "../operations/auth/role-list.ts";
import { ROLE_REVOKE_PERMISSION } from "../operations/auth/role-revoke-permission.ts";
import { USER_ADD } from "../operations/auth/user-add.ts";
import { USER_CHANGE_PASSWORD } from "../operations/auth/user-change-password.ts";
import { USER_DELETE } from "../operations/auth/user-delete.ts";
import { USER_GET } from "../operations/auth/user-get.ts";
import { USER_GRANT_ROLE } from "../operations/auth/user-grant-role.ts";
import { USER_LIST } from "../operations/auth/user-list.ts";
import { USER_REVOKE_ROLE } from "../operations/auth/user-revoke-role.ts";
import type { ClientOperation } from "../operations/operation.ts";
import { authenticate } from "./auth/authenticate.ts";
import { hashedPassword, hashedUser } from "./auth/hashed-requests.ts";
import { callerOf, identified } from "./callers.ts";
import type { AuthContext } from "./context.ts";
import { LoggedMethod } from "./logged-method.ts";
import { failCall, type Services } from "./services.ts";

const PREFIX = "/etcdserverpb.Auth/";

/** `etcdserverpb.Auth`. What is asked of users and roles goes through the log, too: it is as of the moment that it is applied. */
export function addAuthService(services: Services, context: AuthContext): void {
  const { access, auth, headers, store } = context;

  const addLogged = <Request, Outcome>(name: string, operation: ClientOperation<Request, Outcome>) => {
    const method = new LoggedMethod(operation, context);
    services.addUnary(PREFIX + name, (message, call) => method.serve(message, call));
  };
  addLogged("AuthEnable", AUTH_ENABLE);
  addLogged("AuthDisable", AUTH_DISABLE);
  addLogged("UserGet", USER_GET);
  addLogged("UserList", USER_LIST);
  addLogged("UserDelete", USER_DELETE);
  addLogged("UserGrantRole", USER_GRANT_ROLE);
  addLogged("UserRevokeRole", USER_REVOKE_ROLE);
  addLogged("RoleAdd", ROLE_ADD);
  addLogged("RoleGet", ROLE_GET);
  addLogged("RoleList", ROLE_LIST);
  addLogged("RoleDelete", ROLE_DELETE);
  addLogged("RoleGrantPermission", ROLE_GRANT_PERMISSION);
  addLogged("RoleRevokePermission", ROLE_REVOKE_PERMISSION);

  /** A password is hashed before anything is proposed: the log, and all members, know only the hash. */
  const addHashing = <Request, Outcome>(
    name: string,
    operation: ClientOperation<Request, Outcome>,
    withHash: (message: Uint8Array, waiter: Waiter) => Promise<Uint8Array>,
  ) => {
    const method = new LoggedMethod(operation, context);
    services.addUnary(PREFIX + name, (message, call) => {
      withHash(message, waiterOf(call))
        .then((hashed) => {
          if (!call.ended) method.serve(hashed, call);
        })
        .catch((error: unknown) => failCall(call, error));
    });
  };
  addHashing("UserAdd", USER_ADD, (message, waiter) => hashedUser(context.passwords, message, waiter));
  addHashing("UserChangePassword", USER_CHANGE_PASSWORD, (message, waiter) =>
    hashedPassword(context.passwords, message, waiter),
  );

  const login = async (message: Uint8Array, call: ServerCall): Promise<Uint8Array> => {
    const token = await authenticate(context, message.slice(), waiterOf(call));
    return encode(AuthenticateResponseSchema, { header: headers.fields(store.currentRevision), token });
  };
  // Clients come with the token that they want a new one for. It may name an entry of a log that is no more.
  services.addAsync(`${PREFIX}Authenticate`, login, true);

  services.addAsync(`${PREFIX}AuthStatus`, async (message, call) => {
    decode(AuthStatusRequestSchema, message);
    await context.consensus.linearizable();
    // Anybody may ask, but with no token that is none.
    if (access.isRestricted) {
      await identified(call);
      access.needsOf(callerOf(call));
    }
    return encode(AuthStatusResponseSchema, {
      header: headers.fields(store.currentRevision),
      enabled: auth.isEnabled,
      authRevision: BigInt(auth.revision),
    });
  });
}

/** Those of a connection wait for each other's passwords, and for one of each other connection's. Takes the call's `onCancel`. */
function waiterOf(call: ServerCall): Waiter {
  return {
    of: call.peer,
    get isGone() {
      return call.ended;
    },
    set onGone(gone: (() => void) | undefined) {
      call.onCancel = gone;
    },
  };
}
