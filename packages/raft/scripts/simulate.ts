import { main } from "../src/testing/sim/run-simulation.ts";

process.exitCode = main(process.argv.slice(2), console.log);
