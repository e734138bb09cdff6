import { counter, type Family } from "./family.ts";

/** What has been written down of calls; undefined what is not. */
export interface AuditCounts {
  readonly denials: Readonly<Record<string, number>> | undefined;
  readonly records:
    | { readonly written: number; readonly lost: number; readonly failedWrites: number }
    | undefined;
}

/** What was denied and written down; nothing of what is switched off. */
export function auditFamilies({ denials, records }: AuditCounts): Family[] {
  const families: Family[] = [];
  if (denials !== undefined) {
    families.push(
      counter("quorate_denied_requests_total", "Requests that were denied here, by reason.", () =>
        Object.entries(denials).map(([reason, value]) => ({ labels: { reason }, value })),
      ),
    );
  }
  if (records !== undefined) {
    families.push(
      counter(
        "quorate_audit_records_total",
        "Lines that were written to the audit log.",
        () => records.written,
      ),
      counter("quorate_audit_records_lost_total", "Lines that could not be written.", () => records.lost),
      counter(
        "quorate_audit_write_failures_total",
        "Writes to the audit log that failed.",
        () => records.failedWrites,
      ),
    );
  }
  return families;
}
