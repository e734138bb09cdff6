import type { Disk, File } from "../disk/disk.ts";
import type { Meta } from "../format/meta.ts";
import type { PageReader } from "../pages/page-reader.ts";
import { type Crc32, PageSums } from "../pages/page-sums.ts";
import { metaFault } from "./database-file.ts";
import { Freelist } from "./freelist.ts";
import { inTurns } from "./in-turns.ts";
import { PageSet, reachablePages, storedFreelist } from "./reachable-pages.ts";
import { SumsFile } from "./sums-file.ts";

/** Whether what is known of the pages was stored, or made by going over all of them. */
export interface Opening {
  readonly freelist: "made" | "stored";
  /** Undefined when the database has none. */
  readonly checksums: "made" | "stored" | undefined;
}

/** Where the sums are to be, and what sums pages up. */
export interface WantedSums {
  readonly path: string;
  readonly crc32: Crc32 | undefined;
}

export interface FoundPages {
  readonly freelist: Freelist;
  readonly sums: SumsFile | undefined;
  readonly opening: Opening;
}

/**
 * Which pages are free, and what each sums up to when there is to be a file of sums. A stored list is taken as it is where
 * sums say that it is whole; else what nothing refers to is free, whether it is in the list or not, and what is in it must be.
 */
export async function findPages(
  disk: Disk,
  file: File,
  wanted: WantedSums | undefined,
  reader: PageReader,
  meta: Meta,
  pause: () => Promise<void>,
): Promise<FoundPages> {
  let sums =
    wanted === undefined ? undefined : await SumsFile.open(disk, wanted.path, file, meta, wanted.crc32);
  const checksums = wanted === undefined ? undefined : sums === undefined ? "made" : "stored";
  try {
    if (sums !== undefined) {
      // A crash leaves both metas sound. With one that is not, the newest state may be lost.
      const fault = metaFault(file, meta);
      if (fault !== undefined) throw fault;
      reader.sums = sums.sums;
      if (meta.freelist !== undefined) {
        const freelist = listedFreelist(reader, meta, meta.freelist);
        return { freelist, sums, opening: { freelist: "stored", checksums } };
      }
    }
    const made = checksums === "made" ? new PageSums(meta.highWater, wanted?.crc32) : undefined;
    const freelist = await searchedFreelist(file, reader, meta, pause, made);
    if (made !== undefined) {
      sums = await SumsFile.create(disk, wanted!.path, file, meta, made);
      reader.sums = made;
    }
    return { freelist, sums, opening: { freelist: "made", checksums } };
  } catch (error) {
    await sums?.close();
    throw error;
  }
}

function listedFreelist(reader: PageReader, meta: Meta, listPage: number): Freelist {
  const { free } = storedFreelist(reader, meta, listPage);
  const isFree = new PageSet(meta.highWater);
  for (const page of free) isFree.add(page);
  return new Freelist(meta.highWater, (page) => !isFree.has(page));
}

async function searchedFreelist(
  file: File,
  reader: PageReader,
  meta: Meta,
  pause: () => Promise<void>,
  sums: PageSums | undefined,
): Promise<Freelist> {
  const steps = reachablePages(reader.ahead(file), meta, ({ page, bytes, at, length }) =>
    sums?.set(page, bytes, at, length),
  );
  const reached = await inTurns(steps, pause);
  reader.isTreeChecked = true;
  const list = meta.freelist === undefined ? undefined : storedFreelist(reader, meta, meta.freelist);
  const listEnd = list === undefined ? 0 : meta.freelist! + list.slots;
  if (list !== undefined && sums !== undefined) {
    const { bytes, at } = reader.locate(meta.freelist!, meta.highWater, 0);
    sums.set(meta.freelist!, bytes, at, list.slots * meta.pageBytes);
  }
  for (const page of list?.free ?? []) if (reached.has(page)) reader.fail(page, "in use and free");
  for (let page = meta.freelist ?? 0; page < listEnd; page++) {
    if (reached.has(page)) reader.fail(page, "in use, and part of the list of free pages");
  }
  return new Freelist(
    meta.highWater,
    (page) => reached.has(page) || (page < listEnd && page >= meta.freelist!),
  );
}
