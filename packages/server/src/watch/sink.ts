/** Where the messages of a watch stream go: a `ServerCall`, or what stands for one. */
export interface WatchSink {
  /**
   * Takes one complete `WatchResponse`, which other streams may share: it is not to be changed. False when the sink is
   * full now (the message was taken nevertheless); the owner then calls `WatchStream.drained` once there is room.
   */
  send(message: Uint8Array): boolean;
  /** As `send`, with a message in parts of whole fields, which may lie in the sink until they are sent. */
  sendInParts(parts: readonly Uint8Array[]): boolean;
  /** Ends the call with a gRPC status. Messages taken before are still delivered. */
  fail(code: number, message: string): void;
  /** Asks for no more requests until `resumeReading`. Requests on their way are still accepted. */
  pauseReading(): void;
  resumeReading(): void;
}
