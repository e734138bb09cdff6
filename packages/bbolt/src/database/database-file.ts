import type { Disk, File } from "../disk/disk.ts";
import { DatabaseFileError } from "../format/errors.ts";
import { writeFreelist } from "../format/freelist-page.ts";
import { decodeMeta, encodeMeta, META_BYTES, META_PAGES, type Meta } from "../format/meta.ts";
import {
  isPageBytes,
  LEAST_PAGE_BYTES,
  MOST_PAGE_BYTES,
  PAGE_LEAF,
  writePageHeader,
} from "../format/page.ts";

const FREELIST_PAGE = 2;
const ROOT_PAGE = 3;
const FIRST_PAGES = 4;

/**
 * The newest sound meta of a file of `sizeBytes`. Throws `DatabaseFileError` when neither is sound, or the file is shorter
 * than its pages. Bytes behind its last page are ignored: a snapshot file has its sum there.
 */
export function readNewestMeta(file: File, sizeBytes: number): Meta {
  const first = metaAt(file, 0);
  let newest = first;
  if (typeof first === "string") {
    for (let bytes = LEAST_PAGE_BYTES; bytes <= MOST_PAGE_BYTES && typeof newest === "string"; bytes *= 2) {
      const second = metaAt(file, bytes);
      if (typeof second !== "string" && second.pageBytes === bytes) newest = second;
    }
  } else {
    const second = metaAt(file, first.pageBytes);
    const isNewer =
      typeof second !== "string" && second.pageBytes === first.pageBytes && second.txId > first.txId;
    if (isNewer) newest = second;
  }
  if (typeof newest === "string") throw new DatabaseFileError(file.path, 0, 0, newest);
  const { highWater, pageBytes } = newest;
  if (highWater * pageBytes > sizeBytes) {
    const has = `the file has ${sizeBytes} bytes instead of ${highWater} pages of ${pageBytes}`;
    throw new DatabaseFileError(file.path, 0, 0, has);
  }
  return newest;
}

/**
 * What is wrong with one of the two metas, of which `newest` is the newest; undefined when both are sound, and of transactions that
 * follow each other.
 */
export function metaFault(file: File, newest: Meta): DatabaseFileError | undefined {
  const fault = (page: number, what: string) =>
    new DatabaseFileError(file.path, page, page * newest.pageBytes, what);
  for (let page = 0; page < META_PAGES; page++) {
    const meta = metaAt(file, page * newest.pageBytes);
    if (typeof meta === "string") return fault(page, meta);
    if (meta.pageBytes !== newest.pageBytes) return fault(page, `pages of ${meta.pageBytes} bytes`);
  }
  const [first, second] = [0, 1].map((page) => metaAt(file, page * newest.pageBytes) as Meta);
  if (Math.abs(first!.txId - second!.txId) === 1) return undefined;
  return fault(1, `of transaction ${second!.txId}, beside ${first!.txId}`);
}

/** Makes an empty database, which gets its name when it is whole: a crash leaves all of it or none. `RangeError` for pages of a wrong size. */
export async function createDatabaseFile(
  disk: Disk,
  path: string,
  pageBytes: number,
  storesFreelist: boolean,
): Promise<void> {
  if (!isPageBytes(pageBytes)) throw new RangeError(`pages of ${pageBytes} bytes`);
  const unfinished = `${path}.creating`;
  const file = await disk.open(unfinished, "create");
  try {
    await file.write([firstPages(pageBytes, storesFreelist)], 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(unfinished, path);
  await disk.syncDirectory(path);
}

function firstPages(pageBytes: number, storesFreelist: boolean): Uint8Array {
  const bytes = new Uint8Array(FIRST_PAGES * pageBytes);
  const view = new DataView(bytes.buffer);
  for (let txId = 0; txId < META_PAGES; txId++) {
    const meta: Meta = {
      pageBytes,
      root: ROOT_PAGE,
      sequence: 0n,
      freelist: storesFreelist ? FREELIST_PAGE : undefined,
      highWater: FIRST_PAGES,
      txId,
    };
    bytes.set(encodeMeta(meta), txId * pageBytes);
  }
  if (storesFreelist) writeFreelist(bytes, view, FREELIST_PAGE * pageBytes, pageBytes, FREELIST_PAGE, 1, []);
  writePageHeader(view, ROOT_PAGE * pageBytes, ROOT_PAGE, PAGE_LEAF, 0, 0);
  return bytes;
}

function metaAt(file: File, position: number): Meta | string {
  const bytes = new Uint8Array(META_BYTES);
  return decodeMeta(bytes.subarray(0, file.readSync(bytes, position)));
}
