/** Upper bounds in seconds of the buckets of granted TTLs: 2^0 to 2^23. */
const TTL_BUCKETS: readonly number[] = Array.from({ length: 24 }, (_, exponent) => 2 ** exponent);

/** What the lessor counts. Plain numbers, read when metrics are asked for. */
export class LeaseMetrics {
  /** Grants applied. */
  granted = 0;
  /** Revokes applied. */
  revoked = 0;
  /** Renewals on the lessor. */
  renewed = 0;
  /** Successful revokes for expiry, on the leader. */
  expired = 0;
  /** Granted TTLs by `TTL_BUCKETS`, not cumulative; the last count is of those above all bounds. */
  readonly ttlCounts: number[] = new Array<number>(TTL_BUCKETS.length + 1).fill(0);
  ttlSum = 0;

  observeTtl(seconds: number): void {
    const bucket = TTL_BUCKETS.findIndex((bound) => seconds <= bound);
    this.ttlCounts[bucket < 0 ? TTL_BUCKETS.length : bucket]! += 1;
    this.ttlSum += seconds;
  }
}
