/** What lies between members, and how it can be hurt. Faults concern the links of members, never those of clients. */
export interface Network {
  readonly kind: "namespaces" | "proxies";
  /** Makes room for a member. */
  place(name: string): Promise<Place>;
  /** The process that now stands there. */
  occupied(name: string, pid: number): void;
  /** Nothing that `from` sends reaches `to`; the other direction is not touched. */
  cut(from: string, to: string): Promise<void>;
  /** What `from` sends to `to` gets lost with this probability, and is sent again by TCP. */
  lose(from: string, to: string, probability: number): Promise<void>;
  /** What `from` sends arrives late. Only where `canDelay`. */
  delay(from: string, to: string, delayMs: number, jitterMs: number): Promise<void>;
  readonly canDelay: boolean;
  /** Ends every connection between members. Only where `canReset`. */
  reset(): number;
  readonly canReset: boolean;
  /** Undoes every fault. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

/** Where one member lives. */
export interface Place {
  /** host:port that it listens on for clients. */
  readonly clientAddress: string;
  readonly listenPeerUrl: string;
  /** What other members are told. */
  readonly advertisedPeerUrl: string;
  /** Goes in front of its command. */
  readonly commandPrefix: readonly string[];
}

export type Link = readonly [from: string, to: string];

/** Both directions between every member of one group and every other member. */
export function linksBetween(group: readonly string[], others: readonly string[]): Link[] {
  return group.flatMap((a) =>
    others.flatMap((b): Link[] => [
      [a, b],
      [b, a],
    ]),
  );
}

export async function cutAll(network: Network, links: readonly Link[]): Promise<void> {
  for (const [from, to] of links) await network.cut(from, to);
}
