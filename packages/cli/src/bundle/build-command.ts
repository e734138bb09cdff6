import { buildBundle } from "./build.ts";

const [root, file] = process.argv.slice(2);
await buildBundle(root!, file!);
