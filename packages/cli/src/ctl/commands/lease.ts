import {
  type LeaseGrantResponse,
  type LeaseKeepAliveResponse,
  type LeaseLeasesResponse,
  LeaseRevokeResponse,
  type LeaseTimeToLiveResponse,
  ResponseHeader,
} from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { leaseId } from "../../go-text/ids.ts";
import { NumberError, parseInt64 } from "../../go-text/parse-number.ts";
import { type Printable, print } from "../output/display.ts";
import { bytesJson, jsonText, messageMembers } from "../output/json.ts";
import { connect } from "../session/connect.ts";

/** Such requests wait until the server answers. */
const NO_DEADLINE = { timeoutMs: Number.POSITIVE_INFINITY };

export async function grant(invocation: Invocation): Promise<void> {
  const [text] = oneArgument(invocation, "lease grant command needs TTL argument");
  let TTL: bigint;
  try {
    TTL = parseInt64(text);
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    throw badArguments(`bad TTL (${error.message})`);
  }
  const { client, display } = await connect(invocation);
  const response = await client.lease.grant({ TTL }).catch((error: Error) => {
    throw exitWith(ExitCode.ERROR, new Error(`failed to grant lease (${error.message})`));
  });
  await print(display, grantResult(response));
}

export async function revoke(invocation: Invocation): Promise<void> {
  const [text] = oneArgument(invocation, "lease revoke command needs 1 argument");
  const ID = leaseOf(text);
  const { client, display } = await connect(invocation);
  const response = await client.lease.revoke({ ID }).catch((error: Error) => {
    throw exitWith(ExitCode.ERROR, new Error(`failed to revoke lease (${error.message})`));
  });
  await print(display, {
    message: { table: LeaseRevokeResponse, value: response },
    protobuf: "unsupported",
    noProtobuf: `marshal unsupported for type *clientv3.LeaseRevokeResponse (${headerText(response.header)})`,
    simple: (simple) => simple.line(`lease ${leaseId(ID)} revoked`),
    fields: (fields) => fields.header(response.header),
  });
}

export async function timeToLive(invocation: Invocation): Promise<void> {
  const [text] = oneArgument(invocation, "lease timetolive command needs lease ID as argument");
  const keys = invocation.flags.on("keys");
  const { client, display } = await connect(invocation);
  const response = await client.lease
    .timeToLive({ ID: leaseOf(text), keys }, NO_DEADLINE)
    .catch(failWithConnection);
  await print(display, timeToLiveResult(response, keys));
}

export async function list(invocation: Invocation): Promise<void> {
  const { client, display } = await connect(invocation);
  const response = await client.lease.list(NO_DEADLINE).catch(failWithConnection);
  await print(display, leasesResult(response));
}

export async function keepAlive(invocation: Invocation): Promise<void> {
  const [text] = oneArgument(invocation, "lease keep-alive command needs lease ID as argument");
  const id = leaseOf(text);
  const { client, display } = await connect(invocation);
  if (invocation.flags.on("once")) {
    const response = await client.lease.keepAliveOnce(id, NO_DEADLINE).catch(failWithConnection);
    return print(display, keptResult(response));
  }
  try {
    for await (const response of client.lease.keepAlive(id)) await print(display, keptResult(response));
  } catch (error) {
    failWithConnection(error);
  }
  if (display.format === "simple") display.output.line(`lease ${leaseId(id)} expired or revoked.`);
}

function oneArgument({ args }: Invocation, complaint: string): [string] {
  if (args.length !== 1) throw badArguments(complaint);
  return [args[0]!];
}

function leaseOf(text: string): bigint {
  try {
    return parseInt64(text, 16);
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    throw badArguments(`bad lease ID arg (${error.message}), expecting ID in Hex`);
  }
}

function failWithConnection(error: unknown): never {
  throw exitWith(ExitCode.BAD_CONNECTION, error);
}

/** What all results of leases have: their header's members beside their own. */
function leaseResult(
  header: ResponseHeader | undefined,
  own: readonly (readonly [name: string, json: bigint | string])[],
): Pick<Printable, "json" | "protobuf"> {
  const value = header ?? {};
  return {
    json() {
      const members = own.map(([name, json]) => `${jsonText(name)}:${json}`);
      return `{${[...messageMembers(ResponseHeader, value), ...members].join(",")}}`;
    },
    protobuf: { table: ResponseHeader, value },
  };
}

function grantResult({ header, ID, TTL, error }: LeaseGrantResponse): Printable {
  return {
    ...leaseResult(header, [
      ["ID", ID],
      ["TTL", TTL],
      ["Error", jsonText(error)],
    ]),
    simple: (simple) => simple.line(`lease ${leaseId(ID)} granted with TTL(${TTL}s)`),
    fields(fields) {
      fields.header(header);
      fields.lease("ID", ID);
      fields.plain("TTL", TTL);
    },
  };
}

function keptResult({ header, ID, TTL }: LeaseKeepAliveResponse): Printable {
  return {
    ...leaseResult(header, [
      ["ID", ID],
      ["TTL", TTL],
    ]),
    simple: (simple) => simple.line(`lease ${leaseId(ID)} keepalived with TTL(${TTL})`),
    fields(fields) {
      fields.header(header);
      fields.lease("ID", ID);
      fields.plain("TTL", TTL);
    },
  };
}

function timeToLiveResult(response: LeaseTimeToLiveResponse, withKeys: boolean): Printable {
  const { header, ID, TTL, grantedTTL, keys } = response;
  const keysJson = keys.length === 0 ? "null" : `[${keys.map(bytesJson).join(",")}]`;
  return {
    ...leaseResult(header, [
      ["id", ID],
      ["ttl", TTL],
      ["granted-ttl", grantedTTL],
      ["keys", keysJson],
    ]),
    simple(simple) {
      if (grantedTTL === 0n && TTL === -1n) return simple.line(`lease ${leaseId(ID)} already expired`);
      const text = `lease ${leaseId(ID)} granted with TTL(${grantedTTL}s), remaining(${TTL}s)`;
      if (!withKeys) return simple.line(text);
      const spaced = keys.flatMap((key, i) => (i === 0 ? [key] : [" ", key]));
      simple.line(text, ", attached keys([", ...spaced, "])");
    },
    fields(fields) {
      fields.header(header);
      fields.lease("ID", ID);
      fields.plain("TTL", TTL);
      fields.plain("GrantedTTL", grantedTTL);
      for (const key of keys) fields.quoted("Key", key);
    },
  };
}

function leasesResult({ header, leases }: LeaseLeasesResponse): Printable {
  return {
    ...leaseResult(header, [["leases", `[${leases.map(({ ID }) => `{"id":${ID}}`).join(",")}]`]]),
    simple(simple) {
      simple.line(`found ${leases.length} leases`);
      for (const { ID } of leases) simple.line(leaseId(ID));
    },
    fields(fields) {
      fields.header(header);
      for (const { ID } of leases) fields.lease("ID", ID);
    },
  };
}

function headerText(header: ResponseHeader | undefined): string {
  const { clusterId, memberId, revision, raftTerm } = header ?? {};
  return `header:{cluster_id:${clusterId} member_id:${memberId} revision:${revision} raft_term:${raftTerm}}`;
}
