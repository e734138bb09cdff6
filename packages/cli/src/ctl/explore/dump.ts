import { isUtf8 } from "node:buffer";
import type { Client } from "@quorate/client";
import type { KeyValue } from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { ExitCode, exitWith } from "../../command-line/exit.ts";
import { leaseId } from "../../go-text/ids.ts";
import { connect } from "../session/connect.ts";
import type { DumpedKey, DumpedLease } from "./dump-lines.ts";
import { keysUnder, onePrefix } from "./pages.ts";

/** `dump [prefix]`: a line for each key, in their order, and one for each lease before the first key that has it. */
export async function run(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const prefix = onePrefix(args, "dump");
  const { client } = await connect(invocation);
  const told = new Set<bigint>();
  for await (const kv of keysUnder(client, prefix, { revision: flags.integer("rev") })) {
    if (kv.lease !== 0n && !told.has(kv.lease)) {
      told.add(kv.lease);
      output.line(JSON.stringify(await leaseLine(client, kv.lease)));
    }
    output.line(JSON.stringify(keyLine(kv)));
  }
}

async function leaseLine(client: Client, id: bigint): Promise<DumpedLease> {
  try {
    const { grantedTTL } = await client.lease.timeToLive({ ID: id });
    // It has ended since the key was read, or long ago when the revision is an old one.
    return { lease: leaseId(id), ttl: Number(grantedTTL) };
  } catch (error) {
    throw exitWith(ExitCode.ERROR, error);
  }
}

function keyLine({ key, value, createRevision, modRevision, version, lease }: KeyValue): DumpedKey {
  return {
    ...(isUtf8(key) ? { key: text(key) } : { keyBase64: base64(key) }),
    ...(isUtf8(value) ? { value: text(value) } : { valueBase64: base64(value) }),
    createRevision: String(createRevision),
    modRevision: String(modRevision),
    version: String(version),
    ...(lease !== 0n && { lease: leaseId(lease) }),
  };
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
