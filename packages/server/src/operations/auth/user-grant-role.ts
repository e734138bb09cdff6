import { AuthUserGrantRoleRequestSchema, AuthUserGrantRoleResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.UserGrantRole`. */
export const USER_GRANT_ROLE = authOperation({
  field: InternalField.authUserGrantRole,
  request: AuthUserGrantRoleRequestSchema,
  response: AuthUserGrantRoleResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth }, { user, role }) {
    auth.grantRole(user, role);
    return {};
  },
});
