import type { TLSSocket } from "node:tls";

/** Certificates are looked at once a connection. */
const names = new WeakMap<TLSSocket, string | null>();

/** The name of the subject of a client's verified certificate, which may be empty; undefined without such a certificate. */
export function commonNameOf(socket: TLSSocket | undefined): string | undefined {
  if (socket === undefined) return undefined;
  let name = names.get(socket);
  if (name === undefined) {
    name = readName(socket) ?? null;
    names.set(socket, name);
  }
  return name ?? undefined;
}

function readName(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const { subject } = socket.getPeerCertificate();
  if (subject === undefined) return undefined;
  const name: unknown = subject.CN;
  // Of several the last one counts.
  const last: unknown = Array.isArray(name) ? name.at(-1) : name;
  return typeof last === "string" ? last.toWellFormed() : "";
}
