export const LogLevel = { Debug: 0, Info: 1, Warn: 2, Error: 3, Fatal: 4 } as const;
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel];

/**
 * Where the node's log lines go. The node asks `enabled` before it formats a line, so a level that is off costs one
 * call. Lines are etcd's, word for word: operators search for them.
 */
export interface Logger {
  enabled(level: LogLevel): boolean;
  log(level: LogLevel, text: string): void;
}

/** Drops everything. */
export const silentLogger: Logger = {
  enabled: () => false,
  log: () => {},
};
