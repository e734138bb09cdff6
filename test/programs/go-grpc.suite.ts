import { testProgram } from "./program.ts";

testProgram("Go's gRPC client works against our server", "packages/rpc/test/go-client.ts");
