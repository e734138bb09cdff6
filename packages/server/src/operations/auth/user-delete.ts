import { AuthUserDeleteRequestSchema, AuthUserDeleteResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.UserDelete`. */
export const USER_DELETE = authOperation({
  field: InternalField.authUserDelete,
  request: AuthUserDeleteRequestSchema,
  response: AuthUserDeleteResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth, tokens }, { name }) {
    auth.deleteUser(name);
    tokens.dropUser(name);
    return {};
  },
});
