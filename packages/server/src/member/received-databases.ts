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
