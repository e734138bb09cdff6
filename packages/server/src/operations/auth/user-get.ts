import { AuthUserGetRequestSchema, AuthUserGetResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation } from "./auth-operation.ts";

/** `Auth.UserGet`, which users may ask of themselves. */
export const USER_GET = authOperation({
  field: InternalField.authUserGet,
  request: AuthUserGetRequestSchema,
  response: AuthUserGetResponseSchema,
  needsWhenApplied: ({ name }, needs) => needs.self(name),
  apply: ({ auth }, { name }) => ({ roles: [...auth.rolesOf(name)] }),
});
