import type { Peer } from "@quorate/rpc/server";

/** Where calls in the process come from, as far as they say. */
export class LoopbackPeer implements Peer {
  readonly address = "127.0.0.1";
  readonly port = 0;
  /** Of the socket on which the client asks that a call is made for, without a port; empty of a unix socket's. */
  readonly clientAddress: string;

  constructor(clientAddress: string) {
    this.clientAddress = clientAddress;
  }
}

export const LOOPBACK = new LoopbackPeer("");
