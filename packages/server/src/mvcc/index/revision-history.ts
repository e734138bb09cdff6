import { RevisionList } from "./revision-list.ts";

/** A chunk has 256 KiB, so that the system's allocator maps it singly and takes its memory back when it is dropped. */
const CHUNK_BITS = 14;
const CHUNK_NODES = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_NODES - 1;
/** A longer history becomes a list; a list that got shorter than the second number becomes a chain again. */
const MAX_CHAIN = 48;
const MIN_LIST = 16;
const LIST = 0x8000_0000;
const TOMBSTONE = 0x8000_0000;
const SUB_BITS = 24;
const SUB_MASK = (1 << SUB_BITS) - 1;
/** A handle of a chain says in what is above these bits how long it is, or with `LONG_NODE` only which node it is. */
const SHORT_NODE_BITS = 24;
const LONG_NODE = 0x4000_0000;

/** 16 bytes a node: main f64, (tombstone 1 bit, length of the chain from here 7 bits, sub 24 bits) u32, older u32. */
interface Chunk {
  /** Its first node. */
  readonly first: number;
  readonly doubles: Float64Array;
  readonly words: Uint32Array;
  /** How many of its nodes have ever been in use. */
  used: number;
  /** One that is not any more, which says in `older` which is the next such one; 0 for none. */
  free: number;
  inUse: number;
  isListed: boolean;
}

function newChunk(first: number, nodes: number): Chunk {
  const buffer = new ArrayBuffer(nodes * 16);
  return {
    first,
    doubles: new Float64Array(buffer),
    words: new Uint32Array(buffer),
    // Node 0 stands for none.
    used: first === 0 ? 1 : 0,
    free: 0,
    inUse: 0,
    isListed: false,
  };
}

/** In the place of one that has been dropped, and before the first one. */
const NO_CHUNK: Chunk = { ...newChunk(0, 0), used: CHUNK_NODES };

/**
 * The revisions of keys before their latest one, back to the last compaction. A history is named by a handle that the
 * key's entry keeps: 0 for none, else a chain of nodes from newest to oldest, or for a long history a `RevisionList`.
 * Operations that may change the handle return the new one. Hot is `push`: handles say how long a chain is, so that its newest
 * node, which lies anywhere in memory, is not read for that. Chunks of nodes in which none is in use any more are dropped: a
 * compaction gives back what it frees.
 */
export class RevisionHistory {
  /** What `find` found. */
  main = 0;
  sub = 0;
  tombstone = false;

  readonly #shortBits: number;
  readonly #shortMask: number;
  #chunks: Chunk[] = [];
  /** Where new nodes are taken from; the only one that is kept without a node in use. */
  #open = NO_CHUNK;
  /** Others with free nodes, in no order. */
  #listed: Chunk[] = [];
  #droppedIndexes: number[] = [];
  #lists: (RevisionList | undefined)[] = [];
  #freeLists: number[] = [];
  #scratch: number[] = [];

  /** `shortNodeBits`: other than in production only for tests, which do not make so many nodes. */
  constructor(shortNodeBits: number = SHORT_NODE_BITS) {
    this.#shortBits = shortNodeBits;
    this.#shortMask = (1 << shortNodeBits) - 1;
  }

  /** Of the memory for nodes, whoever uses them. */
  get chunkCount(): number {
    return this.#chunks.length - this.#droppedIndexes.length;
  }

  /** Adds a revision newer than all others of the history. */
  push(handle: number, main: number, sub: number, tombstone: boolean): number {
    if (handle >= LIST) {
      this.#lists[handle - LIST]!.push(main, sub, tombstone);
      return handle;
    }
    const length = this.#chainLength(handle);
    if (length < MAX_CHAIN && sub <= SUB_MASK) {
      const node = this.#newNode(main, sub, tombstone, length + 1, this.#nodeOf(handle));
      return this.#handleOf(node, length + 1);
    }
    const list = new RevisionList();
    this.#chainToList(handle, list);
    list.push(main, sub, tombstone);
    const index = this.#freeLists.pop() ?? this.#lists.length;
    this.#lists[index] = list;
    return LIST + index;
  }

  /** Finds the newest revision whose main revision is at most `main`; false if there is none. */
  find(handle: number, main: number): boolean {
    if (handle >= LIST) {
      const list = this.#lists[handle - LIST]!;
      const index = list.countThrough(main) - 1;
      if (index < 0) return false;
      this.main = list.main(index);
      this.sub = list.sub(index);
      this.tombstone = list.isTombstone(index);
      return true;
    }
    for (let node = this.#nodeOf(handle); node !== 0; ) {
      const chunk = this.#chunks[node >>> CHUNK_BITS]!;
      const at = node & CHUNK_MASK;
      const nodeMain = chunk.doubles[at << 1]!;
      if (nodeMain <= main) {
        const word = chunk.words[(at << 2) + 2]!;
        this.main = nodeMain;
        this.sub = word & SUB_MASK;
        this.tombstone = word >= TOMBSTONE;
        return true;
      }
      node = chunk.words[(at << 2) + 3]!;
    }
    return false;
  }

  /** Calls `visit` for each revision from newest to oldest until it returns false. */
  visit(handle: number, visit: (main: number, sub: number, tombstone: boolean) => boolean): void {
    if (handle >= LIST) {
      const list = this.#lists[handle - LIST]!;
      for (let i = list.length - 1; i >= 0; i--) {
        if (!visit(list.main(i), list.sub(i), list.isTombstone(i))) return;
      }
      return;
    }
    for (let node = this.#nodeOf(handle); node !== 0; ) {
      const chunk = this.#chunks[node >>> CHUNK_BITS]!;
      const at = node & CHUNK_MASK;
      const word = chunk.words[(at << 2) + 2]!;
      if (!visit(chunk.doubles[at << 1]!, word & SUB_MASK, word >= TOMBSTONE)) return;
      node = chunk.words[(at << 2) + 3]!;
    }
  }

  /** From oldest to newest, those with a main revision of at least `fromMain`. Returns false when `visit` did. */
  visitFrom(
    handle: number,
    fromMain: number,
    visit: (main: number, sub: number, tombstone: boolean) => boolean,
  ): boolean {
    if (handle >= LIST) {
      const list = this.#lists[handle - LIST]!;
      for (let i = list.countThrough(fromMain - 1); i < list.length; i++) {
        if (!visit(list.main(i), list.sub(i), list.isTombstone(i))) return false;
      }
      return true;
    }
    const nodes: number[] = [];
    for (
      let node = this.#nodeOf(handle);
      node !== 0 && this.#main(node) >= fromMain;
      node = this.#older(node)
    ) {
      nodes.push(node);
    }
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i]!;
      if (!visit(this.#main(node), this.#word(node) & SUB_MASK, this.#isTombstone(node))) return false;
    }
    return true;
  }

  /**
   * Forgets what a compaction at `compactMain` forgets, given the main revision of the key's latest change. Kept are all
   * revisions above it and the newest at or below it, unless that is a tombstone below it. In addition, when that newest
   * one is at `compactMain` itself and a tombstone of the same main revision precedes it (the key was deleted and
   * written again in one transaction), the first such tombstone is kept, for watchers that start there.
   */
  compact(handle: number, compactMain: number, latestMain: number): number {
    if (handle === 0) return 0;
    if (handle >= LIST) return this.#compactList(handle, compactMain, latestMain);
    return this.#compactChain(handle, compactMain, latestMain);
  }

  #compactList(handle: number, compactMain: number, latestMain: number): number {
    const list = this.#lists[handle - LIST]!;
    const below = list.countThrough(compactMain);
    let firstKept = below;
    // The newest at or below is the key's latest itself when that is not above.
    const newest = latestMain <= compactMain ? below : below - 1;
    const newestMain = newest < below ? (newest < 0 ? -1 : list.main(newest)) : latestMain;
    if (newest >= 0 && newest < below && (newestMain === compactMain || !list.isTombstone(newest))) {
      firstKept = newest;
    }
    if (newestMain === compactMain) {
      let tombstone = -1;
      for (let i = newest - 1; i >= 0 && list.main(i) === compactMain; i--) {
        if (list.isTombstone(i)) tombstone = i;
      }
      if (tombstone >= 0) {
        firstKept -= 1;
        list.set(firstKept, compactMain, list.sub(tombstone), true);
      }
    }
    list.dropFirst(firstKept);
    if (list.length > MIN_LIST) return handle;
    let chain = 0;
    for (let i = 0; i < list.length; i++) {
      if (list.sub(i) > SUB_MASK) return handle;
    }
    for (let i = 0; i < list.length; i++) {
      chain = this.#newNode(list.main(i), list.sub(i), list.isTombstone(i), i + 1, chain);
    }
    this.#lists[handle - LIST] = undefined;
    this.#freeLists.push(handle - LIST);
    return this.#handleOf(chain, list.length);
  }

  #compactChain(handle: number, compactMain: number, latestMain: number): number {
    // Newest first.
    const nodes = this.#scratch;
    nodes.length = 0;
    for (let node = this.#nodeOf(handle); node !== 0; node = this.#older(node)) nodes.push(node);
    let kept = 0;
    while (kept < nodes.length && this.#main(nodes[kept]!) > compactMain) kept++;
    let next = kept;
    let newestMain = latestMain;
    if (latestMain > compactMain) {
      if (next === nodes.length) return handle;
      const newest = nodes[next++]!;
      newestMain = this.#main(newest);
      if (newestMain === compactMain || !this.#isTombstone(newest)) kept = next;
    }
    let tombstone = 0;
    if (newestMain === compactMain) {
      for (let i = next; i < nodes.length && this.#main(nodes[i]!) === compactMain; i++) {
        if (this.#isTombstone(nodes[i]!)) tombstone = nodes[i]!;
      }
    }
    if (kept === nodes.length) return handle;
    let chain = 0;
    let length = 0;
    if (tombstone !== 0) {
      this.#relink(tombstone, 0, 1);
      chain = tombstone;
      length = 1;
    }
    for (let i = kept - 1; i >= 0; i--) {
      this.#relink(nodes[i]!, chain, ++length);
      chain = nodes[i]!;
    }
    for (let i = kept; i < nodes.length; i++) if (nodes[i] !== tombstone) this.#freeNode(nodes[i]!);
    return this.#handleOf(chain, length);
  }

  #chainToList(handle: number, list: RevisionList): void {
    const nodes: number[] = [];
    for (let node = this.#nodeOf(handle); node !== 0; node = this.#older(node)) nodes.push(node);
    for (let i = nodes.length - 1; i >= 0; i--) {
      const node = nodes[i]!;
      list.push(this.#main(node), this.#word(node) & SUB_MASK, this.#isTombstone(node));
      this.#freeNode(node);
    }
  }

  #newNode(main: number, sub: number, tombstone: boolean, length: number, older: number): number {
    let chunk = this.#open;
    if (chunk.free === 0 && chunk.used === CHUNK_NODES) chunk = this.#openAnother();
    let node = chunk.free;
    if (node !== 0) chunk.free = chunk.words[((node & CHUNK_MASK) << 2) + 3]!;
    else node = chunk.first + chunk.used++;
    chunk.inUse++;
    const at = node & CHUNK_MASK;
    chunk.doubles[at << 1] = main;
    chunk.words[(at << 2) + 2] = ((tombstone ? TOMBSTONE : 0) | (length << SUB_BITS) | sub) >>> 0;
    chunk.words[(at << 2) + 3] = older;
    return node;
  }

  #openAnother(): Chunk {
    let chunk = this.#listed.pop();
    if (chunk === undefined) {
      const index = this.#droppedIndexes.pop() ?? this.#chunks.length;
      chunk = newChunk(index << CHUNK_BITS, CHUNK_NODES);
      this.#chunks[index] = chunk;
    }
    chunk.isListed = false;
    this.#open = chunk;
    return chunk;
  }

  #freeNode(node: number): void {
    const chunk = this.#chunks[node >>> CHUNK_BITS]!;
    this.#relink(node, chunk.free, 0);
    chunk.free = node;
    chunk.inUse--;
    if (chunk === this.#open) return;
    if (chunk.inUse === 0) {
      this.#drop(chunk);
    } else if (!chunk.isListed) {
      chunk.isListed = true;
      this.#listed.push(chunk);
    }
  }

  #drop(chunk: Chunk): void {
    const at = this.#listed.indexOf(chunk);
    if (at >= 0) this.#listed.splice(at, 1);
    const index = chunk.first >>> CHUNK_BITS;
    this.#chunks[index] = NO_CHUNK;
    this.#droppedIndexes.push(index);
  }

  #relink(node: number, older: number, length: number): void {
    const words = this.#chunks[node >>> CHUNK_BITS]!.words;
    const at = (node & CHUNK_MASK) << 2;
    words[at + 2] = ((words[at + 2]! & (TOMBSTONE | SUB_MASK)) | (length << SUB_BITS)) >>> 0;
    words[at + 3] = older;
  }

  #chainLength(handle: number): number {
    if (handle < LONG_NODE) return handle >>> this.#shortBits;
    return (this.#word(this.#nodeOf(handle)) >>> SUB_BITS) & 0x7f;
  }

  #main(node: number): number {
    return this.#chunks[node >>> CHUNK_BITS]!.doubles[(node & CHUNK_MASK) << 1]!;
  }

  #word(node: number): number {
    return this.#chunks[node >>> CHUNK_BITS]!.words[((node & CHUNK_MASK) << 2) + 2]!;
  }

  #isTombstone(node: number): boolean {
    return this.#word(node) >= TOMBSTONE;
  }

  #older(node: number): number {
    return this.#chunks[node >>> CHUNK_BITS]!.words[((node & CHUNK_MASK) << 2) + 3]!;
  }

  /** Of a chain whose newest node this is; `length` is at most `MAX_CHAIN`. */
  #handleOf(node: number, length: number): number {
    if (node === 0) return 0;
    return node <= this.#shortMask ? (length << this.#shortBits) | node : LONG_NODE + node;
  }

  /** The newest node of a chain. */
  #nodeOf(handle: number): number {
    return handle < LONG_NODE ? handle & this.#shortMask : handle - LONG_NODE;
  }
}
