import { freeReleased, type RecordsWriter, releasePart } from "@quorate/wire/hot";

/** Freed in a turn of the loop: a client that goes away leaves answers of gigabytes. */
const TURN_BYTES = 8 * 1024 * 1024;

let isFreeing = false;

/** Gives back the memory of a part of an answer; see `releasePart`. */
export function releaseAnswerPart(part: Uint8Array): void {
  releasePart(part);
  if (!isFreeing) freeLater();
}

/** Gives back the memory of an answer that nobody wants any more. */
export function dropAnswer(writer: RecordsWriter): void {
  writer.clear();
  if (!isFreeing) freeLater();
}

function freeLater(): void {
  isFreeing = true;
  setImmediate(freeSome);
}

function freeSome(): void {
  isFreeing = freeReleased(TURN_BYTES);
  if (isFreeing) setImmediate(freeSome);
}
