import { receivedDatabasePath } from "../snapshot/received-database.ts";

/**
 * Turns the database that was received with the snapshot at `index` into one in the member's own format, at `path`,
 * replacing what is there. The received file stays: whoever asks removes it once the member has become its content.
 */
export async function importReceivedDatabase(
  snapDirectory: string,
  index: number,
  path: string,
): Promise<void> {
  // Loaded when it is needed: most members never receive one.
  const { importDatabase } = await import("../backend/import-database.ts");
  await importDatabase(receivedDatabasePath(snapDirectory, index), path);
}

/** See `FindDatabaseFault`. All of the file is read, in a thread of its own: half a second for each gigabyte. */
export async function findReceivedFault(path: string, index: number): Promise<string | undefined> {
  const { inspectDatabase } = await import("../backend/inspect-database.ts");
  const found = await inspectDatabase(path);
  if ("fault" in found) return found.fault;
  return lagFault(found.consistentIndex, index);
}

/** A database says less than the snapshot it came with: whoever made it must not be believed. */
export function lagFault(consistentIndex: number, index: number): string | undefined {
  return consistentIndex >= index ? undefined : `it reflects entry ${consistentIndex} and not ${index}`;
}
