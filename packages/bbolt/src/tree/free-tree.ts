import { ELEMENT_BUCKET, readNumber } from "../format/page.ts";
import { PageView } from "../pages/page-view.ts";
import type { TreePages } from "./tree.ts";

/**
 * Frees all pages of a tree and of the buckets in it. Throws `DatabaseFileError` when a page is referred to twice: where nobody has
 * gone over the file, trees may lead in circles.
 */
export function freeTree(pages: TreePages, root: number): void {
  const met = new Set<number>();
  // Of each page that is still to be freed: its number, and who refers to it.
  const open = [root, 0];
  while (open.length > 0) {
    const parent = open.pop()!;
    const page = open.pop()!;
    const view = pages.load(page, new PageView(), parent);
    if (met.has(page)) pages.fail(parent, `refers to page ${page}, which is in use already`);
    met.add(page);
    for (let i = 0; i < view.count; i++) {
      if (!view.isLeaf) open.push(view.child(i), page);
      else if (view.elementFlags(i) === ELEMENT_BUCKET && view.valueLength(i) >= 8) {
        const bucketRoot = readNumber(view.view, view.keyStart(i) + view.keyLength(i));
        if (bucketRoot !== 0) open.push(bucketRoot, page);
      }
    }
    pages.free(view);
  }
}
