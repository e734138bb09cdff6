import path from "node:path";
import { isFresh } from "./bundle-file.ts";

/** Below the checkout, so that what the bundles import from packages is found from them. */
const FOLDER = "node_modules/.cache/quorate";

/**
 * The path of a bundle, called `name`, of what lies behind the source file `entry` as it is now, made if need be; undefined
 * when there can be none. `root` is the checkout. Every start waits for this.
 */
export async function currentBundle(root: string, entry: string, name: string): Promise<string | undefined> {
  const file = path.join(root, FOLDER, name);
  if (isFresh(file, root, entry)) return file;
  // Loaded when it is needed: most starts find a fresh one.
  const { rebuild } = await import("./rebuild.ts");
  rebuild(root, entry, file);
  return isFresh(file, root, entry) ? file : undefined;
}
