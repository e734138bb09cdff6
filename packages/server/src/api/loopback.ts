import type { Peer } from "@quorate/rpc/server";

/** Where calls in the process come from, as far as they say: the object itself tells them from others. */
export const LOOPBACK: Peer = { address: "127.0.0.1", port: 0 };
