import { createRequire } from "node:module";

const INT = "int32";
/** What OpenSSL begins each verification with, by its name. */
const DEFAULTS = "default\0";
/** As in those that it comes with: issuers are first looked for among the trusted ones. */
const TRUSTED_FIRST = 0x8000n;

let isLimited: boolean | undefined;

/**
 * From now on the process verifies no chain with more than `depth` issuers between a certificate and a trusted one, of
 * whichever connection. OpenSSL has a limit of 100, and the runtime lets nobody change it, has a handshake wait for every
 * signature of a chain, trusted or not, and does all that on the loop: of keys for which that takes long, 300 ms for each
 * connection. Returns whether it is so now; the first call decides. Where the runtime cannot call its own library,
 * everything is as before.
 */
export function limitVerificationDepth(depth: number): boolean {
  isLimited ??= setVerificationDepth(depth);
  return isLimited;
}

function setVerificationDepth(depth: number): boolean {
  try {
    const { dlopen } = createRequire(import.meta.url)("node:ffi") as typeof import("node:ffi");
    const { functions } = dlopen(null, {
      X509_VERIFY_PARAM_new: { return: "pointer", arguments: [] },
      X509_VERIFY_PARAM_set1_name: { return: INT, arguments: ["pointer", "buffer"] },
      X509_VERIFY_PARAM_set_flags: { return: INT, arguments: ["pointer", "uint64"] },
      X509_VERIFY_PARAM_set_depth: { return: "void", arguments: ["pointer", INT] },
      X509_VERIFY_PARAM_add0_table: { return: INT, arguments: ["pointer"] },
    });
    // The table owns it, for as long as the process runs.
    const parameters = functions.X509_VERIFY_PARAM_new();
    functions.X509_VERIFY_PARAM_set1_name(parameters, Buffer.from(DEFAULTS));
    functions.X509_VERIFY_PARAM_set_flags(parameters, TRUSTED_FIRST);
    functions.X509_VERIFY_PARAM_set_depth(parameters, depth);
    return functions.X509_VERIFY_PARAM_add0_table(parameters) === 1;
  } catch {
    return false;
  }
}
