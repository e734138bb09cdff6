export interface HealthCheckCount {
  readonly type: string;
  readonly name: string;
  success: number;
  error: number;
  /** Its last result. */
  last: boolean;
}

/** What health probes were answered so far, for whoever publishes it. */
export class HealthCounts {
  /** Answers of `/health`. */
  success = 0;
  failures = 0;
  /** Of `/livez` and `/readyz`, by type and name. */
  readonly checks = new Map<string, HealthCheckCount>();

  answered(ok: boolean): void {
    if (ok) this.success++;
    else this.failures++;
  }

  checked(type: string, name: string, ok: boolean): void {
    let count = this.checks.get(`${type}/${name}`);
    if (count === undefined) {
      count = { type, name, success: 0, error: 0, last: ok };
      this.checks.set(`${type}/${name}`, count);
    }
    if (ok) count.success++;
    else count.error++;
    count.last = ok;
  }
}
