/**
 * Loads modules one after the other, with a turn of the event loop between two. To read, compile and run the code of a
 * whole library takes tens of milliseconds, in which nobody would be served.
 */
export async function loadInSlices(parts: readonly (() => unknown)[]): Promise<void> {
  for (const load of parts) {
    await load();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
