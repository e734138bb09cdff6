/** Whether the cluster is being downgraded, and to which version (`3.6.0`; empty when it is not). */
export interface DowngradeInfo {
  readonly enabled: boolean;
  readonly targetVersion: string;
}

export const NO_DOWNGRADE: DowngradeInfo = Object.freeze({ enabled: false, targetVersion: "" });

/** As the table `cluster` holds it under `downgrade`. */
export function encodeDowngradeInfo(info: DowngradeInfo): string {
  return JSON.stringify({ "target-version": info.targetVersion, enabled: info.enabled });
}

/** Throws `SyntaxError` when `text` is none. */
export function decodeDowngradeInfo(text: string): DowngradeInfo {
  const raw = JSON.parse(text) as Record<string, unknown> | null;
  const target = raw?.["target-version"];
  return { enabled: raw?.enabled === true, targetVersion: typeof target === "string" ? target : "" };
}
