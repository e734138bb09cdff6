import path from "node:path";
import { isFresh } from "./bundle-file.ts";

/** Below the checkout, so that what the bundle imports from packages is found from it. */
const BUNDLE_FILE = "node_modules/.cache/quorate/bundle.mjs";

/**
 * The path of a bundle of the sources as they are now, made if need be; undefined when there can be none. `root` is the
 * checkout. Every start waits for this.
 */
export async function currentBundle(root: string): Promise<string | undefined> {
  const file = path.join(root, BUNDLE_FILE);
  if (isFresh(file, root)) return file;
  // Loaded when it is needed: most starts find a fresh one.
  const { rebuild } = await import("./rebuild.ts");
  rebuild(root, file);
  return isFresh(file, root) ? file : undefined;
}
