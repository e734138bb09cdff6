import { AuthDisableRequestSchema, AuthDisableResponseSchema } from "@quorate/wire/etcdserverpb";
import { InternalField } from "@quorate/wire/hot";
import { authOperation, ofAdministrators } from "./auth-operation.ts";

/** `Auth.AuthDisable`: all may do everything, and have to ask for new tokens when that is over. */
export const AUTH_DISABLE = authOperation({
  field: InternalField.authDisable,
  request: AuthDisableRequestSchema,
  response: AuthDisableResponseSchema,
  needsWhenApplied: ofAdministrators,
  apply({ auth, tokens }) {
    if (auth.isEnabled) tokens.dropAll();
    auth.disable();
    return {};
  },
});
