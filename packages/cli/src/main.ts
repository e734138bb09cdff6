/** Starts a program from one file made of its sources where there can be one, otherwise from the sources. */
import path from "node:path";
import { pathToFileURL } from "node:url";
import { currentBundle } from "./bundle/current-bundle.ts";
import { type Program, programFor, type Runnable } from "./programs/table.ts";

const args = process.argv.slice(2);
const { run } = await load(programFor(args));
await run(args);

async function load({ entry, bundle, loadSources }: Program): Promise<Runnable> {
  if (process.env.QUORATE_BUNDLE !== "off") {
    const root = path.resolve(import.meta.dirname, "../../..");
    const file = await currentBundle(root, path.join(import.meta.dirname, "programs", entry), bundle);
    if (file !== undefined) {
      try {
        return (await import(pathToFileURL(file).href)) as Runnable;
      } catch {
        // It could not be loaded. If that is for a mistake in the sources, they tell of it better.
      }
    }
  }
  return loadSources();
}
