import { MOST_TREE_LEVELS } from "../format/page.ts";
import { compareElements, PageView } from "../pages/page-view.ts";

/** Where a tree begins: at a page, or with the leaf page in an inline bucket's own element. */
export interface TreeRoot {
  readonly root: number;
  readonly image: PageView | undefined;
}

/** How the pages of one transaction are found. */
export interface PageLoader {
  /** The page, in `into` or in the transaction's own memory. `parent` refers to it. Throws `DatabaseFileError`. */
  load(page: number, into: PageView, parent: number): PageView;
  fail(page: number, what: string): never;
}

class Level {
  /** The page; `own`, or one that a write transaction has in memory. */
  page: PageView;
  readonly own = new PageView();
  /** Of the child that one has gone to; in the leaf, of the element that one is at. */
  index = 0;
  /** The level whose next key bounds all keys of this page; -1 without a bound. */
  bound = -1;

  constructor() {
    this.page = this.own;
  }
}

/**
 * The way from the root of a tree to an element of a leaf. The keys of every page must lie between those beside which its
 * parent refers to it: so no page is met twice on different ways, and a damaged file cannot lead in circles. That is asked
 * again only of pages that are not trusted.
 */
export class Path {
  readonly #loader: PageLoader;
  readonly levels: Level[] = [];
  depth = 0;

  constructor(loader: PageLoader) {
    this.#loader = loader;
  }

  get leaf(): Level {
    return this.levels[this.depth - 1]!;
  }

  /** Whether it is at an element. */
  get isAtElement(): boolean {
    return this.depth > 0 && this.leaf.index >= 0 && this.leaf.index < this.leaf.page.count;
  }

  /** Goes to the leaf where `key` is or would be; whether it is there. `leaf.index` may be behind the last element. */
  find(tree: TreeRoot, key: Uint8Array): boolean {
    let level = this.#begin(tree);
    while (!level.page.isLeaf) {
      const found = level.page.search(key);
      level.index = found >= 0 ? found : Math.max(0, ~found - 1);
      level = this.#descend(level);
    }
    const found = level.page.search(key);
    level.index = found >= 0 ? found : ~found;
    return found >= 0;
  }

  /** Goes to the first element whose key is not below `key`; whether there is one. */
  seek(tree: TreeRoot, key: Uint8Array): boolean {
    return this.find(tree, key) || this.#settleForwards();
  }

  first(tree: TreeRoot): boolean {
    this.#begin(tree);
    this.#toFirst();
    return this.#settleForwards();
  }

  last(tree: TreeRoot): boolean {
    this.#begin(tree);
    this.#toLast();
    return this.#settleBackwards();
  }

  /** Goes to the next element; at the last one it goes behind it and returns false. */
  next(): boolean {
    const leaf = this.levels[this.depth - 1]!;
    if (leaf.index < leaf.page.count && ++leaf.index < leaf.page.count) return true;
    return this.#settleForwards();
  }

  previous(): boolean {
    const { leaf } = this;
    if (leaf.index >= 0) leaf.index--;
    return this.#settleBackwards();
  }

  #settleForwards(): boolean {
    while (this.leaf.index >= this.leaf.page.count) {
      let up = this.depth - 2;
      while (up >= 0 && this.levels[up]!.index + 1 >= this.levels[up]!.page.count) up--;
      if (up < 0) return false;
      this.levels[up]!.index++;
      this.depth = up + 1;
      this.#descend(this.levels[up]!);
      this.#toFirst();
    }
    return true;
  }

  #settleBackwards(): boolean {
    while (this.leaf.index < 0) {
      let up = this.depth - 2;
      while (up >= 0 && this.levels[up]!.index === 0) up--;
      if (up < 0) return false;
      this.levels[up]!.index--;
      this.depth = up + 1;
      this.#descend(this.levels[up]!);
      this.#toLast();
    }
    return true;
  }

  /** From the deepest level there is, always to the first child. */
  #toFirst(): void {
    let level = this.levels[this.depth - 1]!;
    for (level.index = 0; !level.page.isLeaf; level.index = 0) level = this.#descend(level);
  }

  #toLast(): void {
    let level = this.levels[this.depth - 1]!;
    for (level.index = level.page.count - 1; !level.page.isLeaf; level.index = level.page.count - 1) {
      level = this.#descend(level);
    }
  }

  #begin(tree: TreeRoot): Level {
    this.depth = 1;
    const level = this.#level(0);
    level.bound = -1;
    level.index = 0;
    level.page = tree.image ?? this.#loader.load(tree.root, level.own, 0);
    return level;
  }

  /** To the child at the index of `parent`, which is the deepest level. */
  #descend(parent: Level): Level {
    const depth = this.depth;
    if (depth === MOST_TREE_LEVELS) {
      this.#loader.fail(parent.page.page, `more than ${MOST_TREE_LEVELS} levels`);
    }
    const level = this.#level(depth);
    const { page, index } = parent;
    level.page = this.#loader.load(page.child(index), level.own, page.page);
    level.bound = index + 1 < page.count ? depth - 1 : parent.bound;
    level.index = 0;
    this.depth = depth + 1;
    if (!level.page.isTrusted) this.#checkBounds(parent, level);
    return level;
  }

  #checkBounds(parent: Level, { page, bound }: Level): void {
    if (page.count === 0) return;
    if (compareElements(page, 0, parent.page, parent.index) < 0) {
      this.#loader.fail(page.page, "keys below the parent's key");
    }
    if (bound < 0) return;
    const above = this.levels[bound]!;
    if (compareElements(page, page.count - 1, above.page, above.index + 1) >= 0) {
      this.#loader.fail(page.page, "keys above the parent's next key");
    }
  }

  #level(index: number): Level {
    let level = this.levels[index];
    if (level === undefined) {
      level = new Level();
      this.levels.push(level);
    }
    return level;
  }
}
