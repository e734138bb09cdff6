import { AuthRoleDeleteRequestSchema, AuthRoleDeleteResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.RoleDelete`. */
export const ROLE_DELETE = authOperation({
  field: InternalField.authRoleDelete,
  request: AuthRoleDeleteRequestSchema,
  response: AuthRoleDeleteResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth }, { role }) {
    auth.deleteRole(role);
    return {};
  },
});
