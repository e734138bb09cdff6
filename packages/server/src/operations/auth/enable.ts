import { AuthEnableRequestSchema, AuthEnableResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.AuthEnable`. */
export const AUTH_ENABLE = authOperation({
  field: InternalField.authEnable,
  request: AuthEnableRequestSchema,
  response: AuthEnableResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth }) {
    auth.enable();
    return {};
  },
});
