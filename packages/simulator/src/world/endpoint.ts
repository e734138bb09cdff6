import type { Message, NodeId } from "@quorate/raft";
import type { PlainHandler } from "@quorate/server/simulation";
import type { Life } from "./life.ts";
import type { Network } from "./network.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** A process as others meet it in the network. */
export interface Endpoint {
  readonly address: string;
  readonly life: Life;
  /** undefined until it is known. */
  readonly localId: NodeId | undefined;
  /** Takes messages; undefined while nobody listens. */
  readonly transport: MessageReceiver | undefined;
  /** Answers single requests; undefined while nobody listens. */
  readonly peerHandler: PlainHandler | undefined;
  isRemoved(id: NodeId): boolean;
  /** Told of each message that leaves. */
  sending(message: Message): void;
}

/** Takes what arrives at an endpoint. `bytes` are of one message. */
export interface MessageReceiver {
  /** `from` sends it, and can be reached at `address`. */
  receive(bytes: Uint8Array, from: NodeId, address: string): void;
  /** Resolves when the whole database has been received. */
  receiveSnapshot(bytes: Uint8Array, database: AsyncIterable<Uint8Array>): Promise<void>;
}

/** What lies between the endpoints of a world. */
export interface Space {
  readonly time: VirtualTime;
  readonly network: Network;
  /** The process that runs at `address`; undefined while there is none. */
  endpoint(address: string): Endpoint | undefined;
}
