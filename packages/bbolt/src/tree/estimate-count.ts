import { MOST_TREE_LEVELS } from "../format/page.ts";
import { PageView } from "../pages/page-view.ts";
import type { PageLoader, TreeRoot } from "./path.ts";

/** Pages of a level that are looked at; exact when there are no more. */
const MOST_PAGES = 128;

/** About how many elements a tree has, by the pages of each level that lie evenly between its first and its last one. */
export function estimateCount(loader: PageLoader, tree: TreeRoot): number {
  if (tree.image !== undefined) return tree.image.count;
  const view = new PageView();
  let pages = [tree.root];
  let parents = [0];
  /** How many pages the level has. */
  let inLevel = 1;
  for (let level = 0; level < MOST_TREE_LEVELS; level++) {
    const children: number[] = [];
    const parentsOfChildren: number[] = [];
    let elements = 0;
    let isLeaf = false;
    for (const [i, page] of pages.entries()) {
      const loaded = loader.load(page, view, parents[i]!);
      elements += loaded.count;
      isLeaf = loaded.isLeaf;
      if (isLeaf) continue;
      for (let child = 0; child < loaded.count; child++) {
        children.push(loaded.child(child));
        parentsOfChildren.push(page);
      }
    }
    const inNext = Math.round((inLevel * elements) / pages.length);
    if (isLeaf) return inNext;
    inLevel = inNext;
    const step = Math.max(1, children.length / MOST_PAGES);
    pages = [];
    parents = [];
    for (let at = 0; at < children.length; at += step) {
      pages.push(children[Math.floor(at)]!);
      parents.push(parentsOfChildren[Math.floor(at)]!);
    }
  }
  return loader.fail(pages[0]!, `more than ${MOST_TREE_LEVELS} levels`);
}
