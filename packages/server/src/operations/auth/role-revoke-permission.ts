import {
  AuthRoleRevokePermissionRequestSchema,
  AuthRoleRevokePermissionResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.RoleRevokePermission`. */
export const ROLE_REVOKE_PERMISSION = authOperation({
  field: InternalField.authRoleRevokePermission,
  request: AuthRoleRevokePermissionRequestSchema,
  response: AuthRoleRevokePermissionResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth }, { role, key, rangeEnd }) {
    auth.revokePermission(role, { key, rangeEnd });
    return {};
  },
});
