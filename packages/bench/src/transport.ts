/** How rows reach the servers: the flags of a member, and what its clients come with. */
import { readFileSync } from "node:fs";
import path from "node:path";

/** `mtls`: clients show a certificate, as Kubernetes' do. */
export type Transport = "plaintext" | "tls" | "mtls";

const testdata = path.resolve(import.meta.dirname, "../../rpc/testdata");
/** ECDSA P-256. It signs itself, so everybody may trust it and show it. */
const CERT = path.join(testdata, "localhost-cert.pem");
const KEY = path.join(testdata, "localhost-key.pem");

/** Of a member, etcd's or ours. */
export function memberFlags(transport: Transport): readonly string[] {
  if (transport === "plaintext") return [];
  const pair = ["--cert-file", CERT, "--key-file", KEY];
  return transport === "tls" ? pair : [...pair, "--client-cert-auth", "--trusted-ca-file", CERT];
}

/** Of etcdload.c. */
export function loadFlags(transport: Transport): readonly string[] {
  if (transport === "plaintext") return [];
  return transport === "tls" ? ["--ca", CERT] : ["--ca", CERT, "--cert", CERT, "--key", KEY];
}

/** For clients of this process; undefined: plaintext. Who is not asked for a certificate shows none. */
export function clientIdentity(transport: Transport): { ca: Buffer; cert: Buffer; key: Buffer } | undefined {
  if (transport === "plaintext") return undefined;
  return { ca: readFileSync(CERT), cert: readFileSync(CERT), key: readFileSync(KEY) };
}
