import { testProgram } from "./program.ts";

testProgram(
  "h2spec passes every generic, http2 and hpack case, on plaintext and on TLS",
  "packages/rpc/test/h2spec.ts",
);
