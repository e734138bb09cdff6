import { exponentialBounds, Histogram } from "@quorate/storage/histogram";

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
  /** Granted TTLs. */
  readonly ttlSeconds = new Histogram(exponentialBounds(1, 2, 24));
}
