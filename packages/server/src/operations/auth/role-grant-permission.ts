import {
  AuthRoleGrantPermissionRequestSchema,
  AuthRoleGrantPermissionResponseSchema,
} from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.RoleGrantPermission`. */
export const ROLE_GRANT_PERMISSION = authOperation({
  field: InternalField.authRoleGrantPermission,
  request: AuthRoleGrantPermissionRequestSchema,
  response: AuthRoleGrantPermissionResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth }, { name, perm }) {
    auth.grantPermission(name, perm);
    return {};
  },
});
