import { AuthRoleListRequestSchema, AuthRoleListResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.RoleList`. */
export const ROLE_LIST = authOperation({
  field: InternalField.authRoleList,
  request: AuthRoleListRequestSchema,
  response: AuthRoleListResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply: ({ auth }) => ({ roles: auth.roleNames() }),
});
