import { type BackupKey, type ObjectStore, openStore, type Retention, readKeyFile } from "@quorate/backup";
import type { Invocation } from "../command-line/command.ts";
import { badArguments } from "../command-line/exit.ts";
import type { FlagValues } from "../command-line/flag-values.ts";

/** The store that the flags name, and the key for what is in it. Rejects with a BackupError. */
export async function storeOf({
  flags,
  environment,
}: Pick<Invocation, "flags" | "environment">): Promise<{ store: ObjectStore; key: BackupKey | undefined }> {
  const file = flags.text("key-file");
  if (file === "" && flags.changed("key-file")) throw badArguments("--key-file names no file");
  const key = file === "" ? undefined : readKeyFile(file);
  const store = await openStore({
    store: flags.text("store"),
    s3Endpoint: flags.text("s3-endpoint"),
    s3Region: flags.text("s3-region"),
    environment,
  });
  return { store, key };
}

export function retentionOf(flags: FlagValues): Retention {
  const snapshots = Number(flags.integer("keep-snapshots"));
  if (snapshots < 1) throw badArguments("--keep-snapshots: at least 1 is kept");
  return { snapshots, ageMs: flags.duration("keep-for") };
}

/** 16 digits, or empty. */
export function clusterOf(flags: FlagValues): string {
  const text = flags.text("cluster-id").toLowerCase();
  if (text === "") return "";
  if (!/^[0-9a-f]{1,16}$/.test(text)) throw badArguments(`--cluster-id: ${text} is no ID`);
  return text.padStart(16, "0");
}
