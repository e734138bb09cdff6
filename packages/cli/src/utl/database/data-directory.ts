/** The files of a member below its data directory. */

export function snapDirectory(dataDir: string): string {
  return `${memberDirectory(dataDir)}/snap`;
}

export function walDirectory(dataDir: string): string {
  return `${memberDirectory(dataDir)}/wal`;
}

export function databasePath(dataDir: string): string {
  return `${snapDirectory(dataDir)}/db`;
}

/** A slash at the end of the directory's name is not repeated in what is said of its files. */
function memberDirectory(dataDir: string): string {
  return `${dataDir.replace(/(?<=.)\/+$/, "")}/member`;
}
