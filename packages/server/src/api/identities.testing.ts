import { NO_TOKENS } from "../auth/tokens.ts";
import { Identities } from "./identities.ts";

/** Of a cluster without users. */
export const NO_IDENTITIES = new Identities({
  auth: { isEnabled: false, revision: 1 },
  tokens: NO_TOKENS,
  usesCertificates: false,
});
