import { ELEMENT_BUCKET, readNumber } from "../format/page.ts";
import { PageView } from "../pages/page-view.ts";
import type { TreePages } from "./tree.ts";

/** Frees all pages of a tree and of the buckets in it. */
export function freeTree(pages: TreePages, root: number): void {
  const open = [root];
  for (let page = open.pop(); page !== undefined; page = open.pop()) {
    const view = pages.load(page, new PageView(), page);
    for (let i = 0; i < view.count; i++) {
      if (!view.isLeaf) open.push(view.child(i));
      else if (view.elementFlags(i) === ELEMENT_BUCKET && view.valueLength(i) >= 8) {
        const bucketRoot = readNumber(view.view, view.keyStart(i) + view.keyLength(i));
        if (bucketRoot !== 0) open.push(bucketRoot);
      }
    }
    pages.free(view);
  }
}
