/**
 * One HTTP request and its response as the gateway sees them: the least that HTTP/1.1, HTTP/2 and the websocket bridge
 * have in common.
 */
export interface GatewayRequest {
  readonly method: string;
  /** Names and values in turn, in the order and case in which they came. */
  readonly rawHeaders: readonly string[];
  /** IP address without a port; empty for an inner request, and over a unix socket. */
  readonly remoteAddress: string;
  /** Of the socket that it came on, an inner request as well. */
  readonly clientAddress: string;
  /** False when the body goes on for as long as the client listens: then its first value has to be enough. */
  readonly bodyEnds: boolean;
  /** What it came on, if other requests may be under way there at the same time. */
  readonly connection?: object;
  /** Starts reading. Callbacks may fire before this returns; none after `onEnd` or `stopReading`. */
  readBody(onData: (chunk: Uint8Array) => void, onEnd: () => void): void;
  /** No more of the body for now. What is on its way may still come, and has a limit. */
  pauseReading(): void;
  resumeReading(): void;
  /** The rest of the body is of no interest: let it pass and vanish. */
  stopReading(): void;
}

export interface GatewayResponse {
  /** Once, before anything is written. */
  head(status: number, headers: readonly (readonly [name: string, value: string])[]): void;
  /**
   * Hands the parts on at once, and as one where the protocol has something to show it with: one chunk of HTTP/1.1. Takes
   * ownership of them. Returns false when the client reads too slowly; then `onDrain` will be called.
   */
  write(parts: readonly Uint8Array[]): boolean;
  end(text?: string): void;
  /** Breaks the exchange off, so that the client does not take what it got for all there is. `onClose` follows. */
  abort(): void;
  /**
   * Called once by the gateway. `onClose`: the client has gone before `end`; at once when it is gone already.
   * `onClientEnd`: it may still read, but sends nothing more.
   */
  listen(onDrain: () => void, onClose: () => void, onClientEnd: (end: ClientEnd) => void): void;
}

/** Where a client stopped that sends nothing more. */
export interface ClientEnd {
  readonly bodyIsWhole: boolean;
  /** It asked for nothing after this. */
  readonly isLast: boolean;
  /** What it sent in place of the rest of the body is no HTTP. */
  readonly isMalformed: boolean;
}

/** The values of a header, whatever its case. */
export function headerValues(rawHeaders: readonly string[], lowerCaseName: string): string[] {
  const values: string[] = [];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.toLowerCase() === lowerCaseName) values.push(rawHeaders[i + 1]!);
  }
  return values;
}
