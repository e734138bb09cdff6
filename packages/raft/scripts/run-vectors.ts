import { main } from "../src/testing/run-vectors.ts";

process.exitCode = main(process.argv.slice(2), console.log);
