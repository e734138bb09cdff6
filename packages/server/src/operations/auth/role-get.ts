import { AuthRoleGetRequestSchema, AuthRoleGetResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation } from "./auth-operation.ts";

/** `Auth.RoleGet`, which users may ask of the roles that they have. */
export const ROLE_GET = authOperation({
  field: InternalField.authRoleGet,
  request: AuthRoleGetRequestSchema,
  response: AuthRoleGetResponseSchema,
  needsWhenApplied: ({ role }, needs) => needs.holder(role),
  apply: ({ auth }, { role }) => ({ perm: [...auth.permissionsOf(role)] }),
});
