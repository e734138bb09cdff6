/** How late the event loop comes to what is due. */
export interface LoopDelay {
  quantiles(): readonly { readonly quantile: string; readonly seconds: number }[];
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
