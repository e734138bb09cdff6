import { decode } from "@quorate/wire";
import { AuthenticateRequestSchema } from "@quorate/wire/etcdserverpb";
import type { Waiter } from "../../auth/fair-turns.ts";
import { RequestError } from "../../errors.ts";
import { AUTHENTICATE, encodeTokenRequest } from "../../operations/auth/authenticate.ts";
import { NOBODY } from "../../operations/caller.ts";
import type { AuthContext } from "../context.ts";
import { propose } from "../propose.ts";

/** Compared with where there is nothing else: that it takes as long tells nobody who is a user. */
const HASH_OF_NOBODY = Buffer.from("$2a$10$aVTtakDyXQ/sZ0HtXFisJeq8fIeNqmW2MNo7wPwvK4P48VFdEQVle");

/**
 * Gives a token to whoever knows a user's password, which is compared here and goes nowhere. When permissions have changed
 * since, the password may have, too: then all is done again. `message` is an `AuthenticateRequest`, which is not looked at
 * before it is its turn. Rejects with RequestError, and with WireError when it is none.
 */
export async function authenticate(
  context: AuthContext,
  message: Uint8Array,
  waiter: Waiter,
): Promise<string> {
  const { auth, consensus, passwords, tokens } = context;
  await consensus.linearizable();
  for (;;) {
    let name = "";
    let isUser = false;
    let revision = 0;
    const ask = () => {
      const request = decode(AuthenticateRequestSchema, message);
      if (!auth.isEnabled) throw new RequestError("AUTH_NOT_ENABLED");
      const user = auth.user(request.name);
      if (user?.options?.noPassword === true) throw new RequestError("NO_PASSWORD_USER");
      ({ name } = request);
      isUser = user !== undefined;
      ({ revision } = auth);
      return { password: request.password, hash: user?.password ?? HASH_OF_NOBODY };
    };
    const isRight = await passwords.matches(ask, waiter);
    if (!isUser || !isRight) throw new RequestError("AUTH_FAILED");
    const request = encodeTokenRequest({ name, prefix: tokens.newPrefix() });
    const token = await propose(context, AUTHENTICATE, request, NOBODY);
    if (auth.revision === revision) return tokens.issue(token);
  }
}
