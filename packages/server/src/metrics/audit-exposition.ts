/** What has been written down of calls; undefined what is not. */
export interface AuditCounts {
  readonly denials: Readonly<Record<string, number>> | undefined;
  readonly records:
    | { readonly written: number; readonly lost: number; readonly failedWrites: number }
    | undefined;
}

/** What was denied and written down, in Prometheus's text format; nothing of what is switched off. */
export function auditExposition({ denials, records }: AuditCounts): string {
  const lines: string[] = [];
  const counter = (
    name: string,
    help: string,
    values: readonly (readonly [labels: string, value: number])[],
  ) => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`);
    lines.push(...values.map(([labels, value]) => `${name}${labels} ${value}`));
  };
  if (denials !== undefined) {
    const values = Object.entries(denials).map(([reason, count]) => [`{reason="${reason}"}`, count] as const);
    counter("quorate_denied_requests_total", "Requests that were denied here, by reason.", values);
  }
  if (records !== undefined) {
    const { written, lost, failedWrites } = records;
    counter("quorate_audit_records_total", "Lines that were written to the audit log.", [["", written]]);
    counter("quorate_audit_records_lost_total", "Lines that could not be written.", [["", lost]]);
    counter("quorate_audit_write_failures_total", "Writes to the audit log that failed.", [
      ["", failedWrites],
    ]);
  }
  return lines.length === 0 ? "" : `${lines.join("\n")}\n`;
}
