import { AuthRoleAddRequestSchema, AuthRoleAddResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";
import { checkName } from "./names.ts";

/** `Auth.RoleAdd`. */
export const ROLE_ADD = authOperation({
  field: InternalField.authRoleAdd,
  request: AuthRoleAddRequestSchema,
  response: AuthRoleAddResponseSchema,
  needsWhenApplied: ofAdministrators,
  check: ({ name }) => checkName(name),
  apply({ auth }, { name }) {
    auth.addRole(name);
    return {};
  },
});
