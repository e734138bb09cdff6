import { enableCompileCache } from "node:module";

// Stripped and compiled sources are kept between starts: most of the time from `exec` to serving is loading code.
enableCompileCache();
const { run } = await import("./run.ts");
await run(process.argv.slice(2));
