import { readFileSync } from "node:fs";
import { type ConnectionOptions, getCACertificates } from "node:tls";
import type { DiscoveryTls, ServiceDiscovery } from "../config/discovery.ts";
import type { RegistryEntry, RegistryStore } from "./registry.ts";

/** Connects to the discovery service when it is asked for the first time. Throws when files of TLS cannot be read. */
export async function openServiceStore(
  settings: ServiceDiscovery,
  signal: AbortSignal,
): Promise<RegistryStore> {
  const tls = tlsOptions(settings.tls);
  // Only a member without data needs it, once.
  const { Client, withPrefix } = await import("@quorate/client");
  const { endpoints, credentials, dialTimeoutMs, requestTimeoutMs } = settings;
  const client = new Client({
    endpoints,
    connectTimeoutMs: dialTimeoutMs,
    requestTimeoutMs,
    keepaliveTimeMs: settings.keepaliveTimeMs,
    keepaliveTimeoutMs: settings.keepaliveTimeoutMs,
    ...(tls !== undefined && { tls }),
    ...(credentials !== undefined && { credentials }),
  });
  return {
    async get(key) {
      const found = await client.kv.get(key, { signal });
      return found && textOf(found.value);
    },
    async list(prefix) {
      const { header, kvs } = await client.kv.range(withPrefix(prefix), { signal });
      return { revision: header!.revision, entries: kvs.map(entryOf) };
    },
    async put(key, value) {
      await client.kv.put({ key, value }, { signal });
    },
    async *changes(prefix, fromRevision) {
      const request = { ...withPrefix(prefix), startRevision: fromRevision };
      for await (const { events } of client.watch(request, { signal })) {
        yield events.flatMap(({ kv }) => (kv === undefined ? [] : [entryOf(kv)]));
      }
    },
    close: () => client.close(),
  };
}

interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: bigint;
}

function entryOf({ key, value, createRevision }: KeyValue): RegistryEntry {
  return { key: textOf(key), value: textOf(value), createRevision };
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

/** undefined when nothing asks for TLS: then only endpoints that begin with `https` are spoken to with it. */
function tlsOptions(given: DiscoveryTls): ConnectionOptions | undefined {
  const { certFile, keyFile, caFile, insecureTransport, skipVerification } = given;
  const named = [certFile, keyFile, caFile].some((file) => file !== "");
  if (!named && insecureTransport && !skipVerification) return undefined;
  if ((certFile === "") !== (keyFile === "")) {
    throw new Error(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
  }
  return {
    ...(certFile !== "" && { cert: readFileSync(certFile), key: readFileSync(keyFile) }),
    ca: caFile === "" ? getCACertificates("system") : readFileSync(caFile),
    ...(skipVerification && { rejectUnauthorized: false }),
  };
}
