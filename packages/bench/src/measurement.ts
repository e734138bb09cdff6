/** What every generator reports for one run of one row. */
export interface Measurement {
  readonly requests: number;
  readonly failed: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** Microseconds; NaN where a generator does not know. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
  readonly maxUs: number;
  /** utime + stime of the server during the run. */
  readonly serverCpuUs: number;
  readonly clientCpuUs: number;
  /** How many connections went on with a session of TLS that they had had. */
  readonly resumed: number;
  /** What the server's process holds of its own, in KiB, more than before; negative when it has given back more. */
  readonly heldKib: number;
  readonly firstError: string;
}

export function parseMeasurement(json: string): Measurement {
  const value = JSON.parse(json) as Partial<Measurement>;
  if (typeof value.perSecond !== "number" || typeof value.requests !== "number") {
    throw new Error(`not a measurement: ${json.slice(0, 200)}`);
  }
  return {
    requests: value.requests,
    failed: value.failed ?? 0,
    seconds: value.seconds ?? 0,
    perSecond: value.perSecond,
    p50Us: value.p50Us ?? Number.NaN,
    p99Us: value.p99Us ?? Number.NaN,
    p999Us: value.p999Us ?? Number.NaN,
    maxUs: value.maxUs ?? Number.NaN,
    serverCpuUs: value.serverCpuUs ?? Number.NaN,
    clientCpuUs: value.clientCpuUs ?? Number.NaN,
    resumed: value.resumed ?? 0,
    heldKib: value.heldKib ?? Number.NaN,
    firstError: value.firstError ?? "",
  };
}
