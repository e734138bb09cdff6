/** Bytes that are not the protobuf message they should be. The only error that decoding throws. */
export class WireError extends Error {
  override readonly name = "WireError";
}
