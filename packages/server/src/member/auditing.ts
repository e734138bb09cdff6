import type { Clock } from "@quorate/storage/seams/clock";
import { AuditLog } from "../api/audit-log.ts";
import { DenialLog } from "../api/denial-log.ts";
import type { CallObserver } from "../api/observed-calls.ts";
import { REAL_AUDIT_DISK } from "../audit/audit-disk.ts";
import { AuditFile } from "../audit/audit-file.ts";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../log/logger.ts";
import type { AuditCounts } from "../metrics/audit-families.ts";

/** What is written down of calls. */
export interface Auditing {
  readonly observers: readonly CallObserver[];
  readonly counts: AuditCounts;
  close(): Promise<void>;
}

/** What the settings ask for; rejects when the file cannot be opened. */
export async function openAuditing(
  { auditLog, logDenials }: ServerConfig,
  clock: Clock,
  log: Logger,
): Promise<Auditing> {
  const denials = logDenials ? new DenialLog(clock, log.for("api/denial-log.ts")) : undefined;
  const file =
    auditLog &&
    (await AuditFile.open({
      ...auditLog,
      path: auditLog.file,
      disk: REAL_AUDIT_DISK,
      clock,
      log: log.for("audit/audit-file.ts"),
    }));
  const auditor = file && new AuditLog(file, clock, auditLog!.keys);
  return {
    observers: [auditor, denials].filter((observer) => observer !== undefined),
    counts: { denials: denials?.counts, records: file?.counts },
    close: async () => file?.close(),
  };
}
