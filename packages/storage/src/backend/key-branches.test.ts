import { strict as assert } from "node:assert";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { KeyBranches } from "./key-branches.ts";
import { NODE_HEADER_BYTES, PAGE_BRANCH, PAGE_BYTES, PAGE_HEADER_BYTES, type Tree } from "./lmdb-format.ts";
import { PageFile } from "./page-file.ts";
import { REVISION_KEY_BYTES, writeRevisionKey } from "./revision-key.ts";

const root = mkdtempSync(path.join(tmpdir(), "quorate-branches-"));
after(() => rmSync(root, { recursive: true, force: true }));

interface Child {
  readonly page: number;
  /** The first child has none. */
  readonly separator?: readonly [main: number, sub: number];
}

function branchPage(pgno: number, children: readonly Child[]): Uint8Array {
  const bytes = new Uint8Array(PAGE_BYTES);
  const view = new DataView(bytes.buffer);
  let at = PAGE_BYTES;
  children.forEach(({ page, separator }, i) => {
    const keyBytes = separator === undefined ? 0 : REVISION_KEY_BYTES;
    const size = NODE_HEADER_BYTES + keyBytes;
    at -= size + (size & 1);
    view.setUint32(at, page, true);
    view.setUint16(at + 6, keyBytes, true);
    if (separator !== undefined) writeRevisionKey(view, at + NODE_HEADER_BYTES, ...separator, false);
    view.setUint16(PAGE_HEADER_BYTES + 2 * i, at - PAGE_HEADER_BYTES, true);
  });
  view.setUint32(0, pgno, true);
  view.setUint32(8, 1, true);
  view.setUint16(18, PAGE_BRANCH, true);
  view.setUint16(20, 2 * children.length, true);
  view.setUint16(22, at - PAGE_HEADER_BYTES, true);
  return bytes;
}

// Kept pages are found by the low bits of their numbers: 1,024 apart, a page and its child want the same place.
for (const apart of [1, 512, 1024, 2048]) {
  test(`separators of a branch page hold while its child, ${apart} pages behind it, is read`, () => {
    const file = path.join(root, `${apart}`);
    const fd = openSync(file, "w+");
    const top = 5;
    const leaves = { left: 6000, middle: 6001, right: 6002 };
    const pages: [number, Child[]][] = [
      [
        top,
        [
          { page: top + apart },
          { page: top + apart + 1, separator: [100, 1] },
          { page: top + apart + 2, separator: [200, 5] },
        ],
      ],
      [top + apart, [{ page: leaves.left }, { page: leaves.middle, separator: [50, 3] }]],
      [top + apart + 1, [{ page: leaves.right }, { page: leaves.left, separator: [150, 9] }]],
    ];
    for (const [pgno, children] of pages)
      writeSync(fd, branchPage(pgno, children), 0, PAGE_BYTES, pgno * PAGE_BYTES);
    const pageFile = new PageFile(file, fd);
    pageFile.pageCount = 7000;
    pageFile.lastTxnId = 1;
    const tree: Tree = { root: top, depth: 3, flags: 0, entries: 100, pages: 10 };
    const branches = new KeyBranches(pageFile);
    const found = (main: number, sub: number) => {
      const page = branches.findLeaf(tree, main, 2 * sub);
      const { separator, separatorSub, nextSeparator, nextSeparatorSub } = branches;
      return { page, from: [separator, separatorSub], to: [nextSeparator, nextSeparatorSub] };
    };
    for (let round = 0; round < 2; round++) {
      assert.deepEqual(found(10, 0), { page: leaves.left, from: [-1, 0], to: [50, 6] });
      assert.deepEqual(found(100, 0), { page: leaves.middle, from: [50, 6], to: [100, 2] });
      assert.deepEqual(found(100, 1), { page: leaves.right, from: [100, 2], to: [150, 18] });
      assert.deepEqual(found(200, 4), { page: leaves.left, from: [150, 18], to: [200, 10] });
    }
    closeSync(fd);
  });
}
