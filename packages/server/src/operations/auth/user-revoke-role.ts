import {
  AuthUserRevokeRoleRequestSchema,
  AuthUserRevokeRoleResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.UserRevokeRole`. */
export const USER_REVOKE_ROLE = authOperation({
  field: InternalField.authUserRevokeRole,
  request: AuthUserRevokeRoleRequestSchema,
  response: AuthUserRevokeRoleResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth }, { name, role }) {
    auth.revokeRole(name, role);
    return {};
  },
});
