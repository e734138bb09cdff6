/** How late the event loop comes to what is due. */
export interface LoopDelay {
  /** Since the member began to serve. */
  quantiles(): readonly { readonly quantile: string; readonly seconds: number }[];
  /** The longest one in seconds since this was called last. */
  takeLongest(): number;
}

/** Answers to health probes so far. */
export interface HealthCounts {
  success: number;
  failures: number;
  readonly checks: Map<string, HealthCheckCount>;
}

export interface HealthCheckCount {
  readonly type: string;
  readonly name: string;
  success: number;
  error: number;
  last: boolean;
}
