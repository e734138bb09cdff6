export type WalFailure =
  | "CLOSED"
  | "CONFLICTING_METADATA"
  | "CRC_MISMATCH"
  | "FILE_NOT_FOUND"
  | "MALFORMED_RECORD"
  | "OUT_OF_RANGE"
  | "SEGMENTS_NOT_CONSECUTIVE"
  | "SNAPSHOT_FILE_NOT_FOUND"
  | "SNAPSHOT_MISMATCH"
  | "SNAPSHOT_NOT_FOUND"
  | "UNEXPECTED_BLOCK_TYPE"
  | "UNEXPECTED_EOF";

export interface WalPlace {
  /** Path of a segment, or of the directory when no segment is at fault. */
  readonly file: string;
  /** First byte of the frame at fault. */
  readonly offset?: number;
}

/** What is wrong with a log, and where. `message` is etcd's text, then a detail, then the place. */
export class WalError extends Error {
  readonly code: WalFailure;
  /** etcd's words, byte for byte, without detail and place. */
  readonly text: string;
  readonly file: string | undefined;
  readonly offset: number | undefined;

  constructor(code: WalFailure, text: string, place?: WalPlace, detail?: string) {
    let message = detail === undefined ? text : `${text}: ${detail}`;
    if (place !== undefined) {
      message += `: in file '${place.file}'`;
      if (place.offset !== undefined) message += ` at position: ${place.offset}`;
    }
    super(message);
    this.name = "WalError";
    this.code = code;
    this.text = text;
    this.file = place?.file;
    this.offset = place?.offset;
  }
}
