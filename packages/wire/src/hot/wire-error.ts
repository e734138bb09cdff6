/** What is wrong with a message: its encoding, the text in one of its strings, or how deep messages are nested in it. */
export type WireProblem = "encoding" | "text" | "depth";

/** Bytes that are not the protobuf message they should be. The only error that decoding throws. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly problem: WireProblem;

  constructor(message: string, problem: WireProblem = "encoding") {
    super(message);
    this.problem = problem;
  }
}
