import { pathToFileURL } from "node:url";
import { buildBundle } from "./build.ts";

const [root, entry, file] = process.argv.slice(2);
await buildBundle(root!, entry!, file!);
// So that its compiled code is kept from now on: a program leaves none when it is killed.
await import(pathToFileURL(file!).href);
