import { BackupError } from "../errors.ts";
import { DirectoryStore } from "./directory-store.ts";
import type { ObjectStore } from "./object-store.ts";

export interface StoreSettings {
  /** A directory, or `s3://BUCKET[/PREFIX]`. */
  readonly store: string;
  /** Where S3 is; empty: that of AWS in the region. */
  readonly s3Endpoint: string;
  readonly s3Region: string;
  /** Has the credentials of S3. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Throws BackupError when the settings do not name a store. Asks no server yet. */
export async function openStore({
  store,
  s3Endpoint,
  s3Region,
  environment,
}: StoreSettings): Promise<ObjectStore> {
  if (store === "")
    throw new BackupError("SETTING", "--store has to name a directory, or s3://BUCKET[/PREFIX]");
  const scheme = /^([a-z0-9+.-]+):\/\//i.exec(store)?.[1]?.toLowerCase();
  if (scheme === undefined) return new DirectoryStore(store);
  if (scheme !== "s3")
    throw new BackupError("SETTING", `--store: there are no stores of the kind ${scheme}://`);
  const [, bucket, prefix = ""] = /^s3:\/\/([^/]+)(?:\/(.*?))?\/*$/i.exec(store) ?? [];
  if (bucket === undefined) throw new BackupError("SETTING", `--store: ${store} names no bucket`);
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION } = environment;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY)
    throw new BackupError(
      "SETTING",
      "S3 needs AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment",
    );
  if (AWS_SESSION_TOKEN)
    throw new BackupError(
      "SETTING",
      "AWS_SESSION_TOKEN is set: only keys that last can be used, not those of a session",
    );
  const region = s3Region || AWS_REGION || "us-east-1";
  const endpoint = s3Endpoint || `https://s3.${region}.amazonaws.com`;
  if (!/^https?:\/\/[^/]+\/?$/.test(endpoint) || !URL.canParse(endpoint))
    throw new BackupError("SETTING", `--s3-endpoint: ${endpoint} is no URL of the form http://HOST:PORT`);
  const { S3Store } = await import("./s3-store.ts");
  return S3Store.open({
    endpoint,
    region,
    bucket,
    prefix,
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
  });
}
