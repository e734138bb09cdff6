import type { Revision } from "@quorate/storage/seams/backend";
import type { Change } from "../keys/change.ts";

/** Told of every transaction that changed something, before any later one. */
export interface ChangeListener {
  /** Asked when a transaction begins: whether anybody would look at its changes. When false they are not made. */
  hasListener(): boolean;
  /** All changes of one main revision, in sub-revision order. The store can be read at `main` already. */
  onChanges(main: Revision, changes: readonly Change[]): void;
  /**
   * In place of `onChanges`, for a transaction with too many changes to be looked at in one turn, or one during whose
   * pauses somebody began to look: they are in the history of `main`. `lowest` and `highest` are the first and the last
   * key in question, owned; without `highest` there is no last one.
   */
  onManyChanges(main: Revision, lowest: Uint8Array, highest: Uint8Array | undefined): void;
}
