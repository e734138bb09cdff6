/** What a peer may do to us. Sizes in octets, rates a second; every field has a default in {@link DEFAULT_LIMITS}. */
export interface ConnectionLimits {
  /** Concurrent streams the peer may open; more are refused. 2^32 - 1 (etcd's default) announces no limit. */
  readonly maxConcurrentStreams: number;
  /** Decoded header list, counted as in RFC 9113 section 6.5.2. A larger one ends the stream. Default: gRPC's for Go. */
  readonly maxHeaderListBytes: number;
  /** The same for a request that is not gRPC: a larger one is answered with 431. Default: that of Go's HTTP server. */
  readonly maxHttpHeaderListBytes: number;
  /** Header lists that the open streams of a connection may hold; streams that would hold more are refused. */
  readonly maxHeldHeaderBytes: number;
  /** Encoded header block over HEADERS and CONTINUATION. A larger one ends the connection. */
  readonly maxHeaderBlockBytes: number;
  /**
   * CONTINUATION frames a block may take whatever they carry; those beyond must have brought 256 octets each, on average.
   * More end the connection.
   */
  readonly maxContinuationFrames: number;
  /** The window we give a stream: what it may keep in memory as long as nothing else is granted. */
  readonly streamWindowBytes: number;
  /** The window we give the connection. */
  readonly connectionWindowBytes: number;
  /** Octets that paused streams may hold before the connection's window is withheld too. */
  readonly maxHeldBytes: number;
  /**
   * Octets of the messages in the making that are larger than a stream's window. Beyond it the windows of further ones
   * are withheld until others are complete; a single message may be of any size.
   */
  readonly maxAssemblyBytes: number;
  /**
   * Octets of unary answers that wait to be sent, the largest one of them not counted: beyond it new calls wait. Answers
   * that asked for room are counted apart: beyond as many octets only others of them wait.
   */
  readonly maxQueuedBytes: number;
  /** Answers that asked for room and are in the making at the same time; more wait. */
  readonly maxAnswersInTheMaking: number;
  /** Output that a transport which does not drain may pile up before it is not read from any more. */
  readonly maxBlockedOutputBytes: number;
  /** Streams reset before they were answered, by the peer or for its mistakes: burst and rate. */
  readonly resetBurst: number;
  readonly resetsPerSecond: number;
  /** Frames that move nothing forward (PING, SETTINGS, PRIORITY, empty DATA, tiny window updates): burst and rate. */
  readonly idleFrameBurst: number;
  readonly idleFramesPerSecond: number;
}

export const DEFAULT_LIMITS: ConnectionLimits = Object.freeze({
  maxConcurrentStreams: 0xffff_ffff,
  maxHeaderListBytes: 16_777_216,
  maxHttpHeaderListBytes: 1_048_896,
  maxHeldHeaderBytes: 67_108_864,
  maxHeaderBlockBytes: 16_777_216,
  maxContinuationFrames: 32,
  streamWindowBytes: 1_048_576,
  connectionWindowBytes: 1_048_576,
  maxHeldBytes: 4_194_304,
  maxAssemblyBytes: 134_217_728,
  maxQueuedBytes: 134_217_728,
  maxAnswersInTheMaking: 16,
  maxBlockedOutputBytes: 1_048_576,
  resetBurst: 10_000,
  resetsPerSecond: 2000,
  idleFrameBurst: 10_000,
  idleFramesPerSecond: 10_000,
});
