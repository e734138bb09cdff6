/** The archive cannot go on where it ends: another chain has to begin. */
export class ChainBroken extends Error {
  override readonly name = "ChainBroken";
}
