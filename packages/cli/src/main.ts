/** Starts the program from one file made of the sources where there can be one, otherwise from the sources. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { currentBundle } from "./bundle/current-bundle.ts";

type Program = typeof import("./run.ts");

const { run } = await loadProgram();
await run(process.argv.slice(2));

async function loadProgram(): Promise<Program> {
  if (process.env.QUORATE_BUNDLE !== "off") {
    const bundle = await currentBundle(path.resolve(import.meta.dirname, "../../.."));
    if (bundle !== undefined) {
      try {
        return (await import(pathToFileURL(bundle).href)) as Program;
      } catch {
        // It could not be loaded. If that is for a mistake in the sources, they tell of it better.
      }
    }
  }
  return import("./run.ts");
}
