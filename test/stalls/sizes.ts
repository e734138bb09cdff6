/** How much lies in the store, and how long clients that read slowly or not at all stay. */
export interface Sizes {
  readonly smallKeys: number;
  /** Keys whose values have `LARGE_VALUE_BYTES`. */
  readonly largeKeys: number;
  readonly leases: number;
  /** Attached to one lease, and what is deleted at once. */
  readonly leasedKeys: number;
  /** After that clients go away that read slowly or nothing, their answers unread. */
  readonly patienceMs: number;
  /** The same for clients that read fast, when there are several. */
  readonly longPatienceMs: number;
}

export const LARGE_VALUE_BYTES = 1_400_000;

export const QUICK: Sizes = {
  smallKeys: 50_000,
  largeKeys: 20,
  leases: 20_000,
  leasedKeys: 20_000,
  patienceMs: 1_000,
  longPatienceMs: 2_000,
};

export const FULL: Sizes = {
  smallKeys: 1_000_000,
  largeKeys: 400,
  leases: 500_000,
  leasedKeys: 400_000,
  patienceMs: 4_000,
  longPatienceMs: 20_000,
};

/** For three members on one machine. */
export const CLUSTER: Sizes = { ...QUICK, leases: 5_000 };
