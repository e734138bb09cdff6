import type { MessageTable } from "@quorate/wire/messages";
import {
  type Member,
  MemberAddResponse,
  MemberListResponse,
  MemberPromoteResponse,
  MemberRemoveResponse,
  MemberUpdateResponse,
  type ResponseHeader,
} from "@quorate/wire/messages";
import type { Invocation } from "../../command-line/command.ts";
import { badArguments, ExitCode, exitWith } from "../../command-line/exit.ts";
import { hexId } from "../../go-text/ids.ts";
import { NumberError, parseUint64 } from "../../go-text/parse-number.ts";
import { quote } from "../../go-text/quote.ts";
import { type Printable, print } from "../output/display.ts";
import { jsonText, messageJson } from "../output/json.ts";
import { present } from "../session/answers.ts";
import { connect } from "../session/connect.ts";
import { isSerializable } from "./key-range.ts";
import { checkPeerUrls } from "./peer-urls.ts";

export async function add(invocation: Invocation): Promise<void> {
  const { args, flags, output } = invocation;
  const [name] = args;
  if (name === undefined) throw badArguments("member name not provided");
  if (args.length > 1) {
    const urls = args.filter((arg) => arg.toLowerCase().startsWith("http"));
    const hints = urls.map((url) => `, did you mean --peer-urls=${url}`);
    throw badArguments(`too many arguments${hints.join("")}`);
  }
  const peerURLs = peerUrls(invocation);
  const { client, display } = await connect(invocation);
  checkPeerUrls(peerURLs);
  const response = await client.cluster.addMember({ peerURLs, isLearner: flags.on("learner") }).catch(fail);
  const { header, members } = response;
  const { ID, isLearner } = present(response.member, "member");
  await print(display, {
    ...changeResult(MemberAddResponse, response),
    simple(simple) {
      const how = isLearner === true ? " as learner " : " ";
      simple.line(`Member ${wideId(ID)} added${how}to cluster ${clusterOf(header)}`);
    },
  });
  if (display.format !== "simple") return;
  const cluster = members.flatMap((each) => {
    const shown = each.ID === ID ? name : each.name;
    return each.peerURLs.map((url) => `${shown}=${url}`);
  });
  output.line();
  output.line(`ETCD_NAME=${quote(name)}`);
  output.line(`ETCD_INITIAL_CLUSTER=${quote(cluster.join(","))}`);
  output.line(`ETCD_INITIAL_ADVERTISE_PEER_URLS=${quote(flags.text("peer-urls"))}`);
  output.line('ETCD_INITIAL_CLUSTER_STATE="existing"');
}

export async function remove(invocation: Invocation): Promise<void> {
  const ID = memberId(invocation);
  const { client, display } = await connect(invocation);
  const response = await client.cluster.removeMember({ ID }).catch(fail);
  await print(display, {
    ...changeResult(MemberRemoveResponse, response),
    simple: (simple) =>
      simple.line(`Member ${wideId(ID)} removed from cluster ${clusterOf(response.header)}`),
  });
}

export async function update(invocation: Invocation): Promise<void> {
  const ID = memberId(invocation);
  const peerURLs = peerUrls(invocation);
  const { client, display } = await connect(invocation);
  checkPeerUrls(peerURLs);
  const response = await client.cluster.updateMember({ ID, peerURLs }).catch(fail);
  await print(display, {
    ...changeResult(MemberUpdateResponse, response),
    simple: (simple) => simple.line(`Member ${wideId(ID)} updated in cluster ${clusterOf(response.header)}`),
  });
}

export async function promote(invocation: Invocation): Promise<void> {
  const ID = memberId(invocation);
  const { client, display } = await connect(invocation);
  const response = await client.cluster.promoteMember({ ID }).catch(fail);
  await print(display, {
    ...changeResult(MemberPromoteResponse, response),
    simple: (simple) => simple.line(`Member ${wideId(ID)} promoted in cluster ${clusterOf(response.header)}`),
  });
}

export async function list(invocation: Invocation): Promise<void> {
  // etcdctl names the flag of another command when it complains of this one's.
  const linearizable = !isSerializable(invocation.flags.text("consistency"), "l");
  const { client, display } = await connect(invocation);
  const response = await client.cluster.listMembers({ linearizable }).catch(fail);
  const rows = response.members.map(memberRow);
  await print(display, {
    ...changeResult(MemberListResponse, response),
    simple: (simple) => simple.rows(rows),
    rows: { head: ["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"], rows },
    fields(fields) {
      fields.header(response.header);
      for (const member of response.members) {
        fields.id("ID", member.ID);
        fields.quoted("Name", member.name);
        for (const url of member.peerURLs) fields.quoted("PeerURL", url);
        for (const url of member.clientURLs) fields.quoted("ClientURL", url);
        fields.plain("IsLearner", member.isLearner);
        fields.blank();
      }
    },
  });
}

function memberId({ args }: Invocation): bigint {
  if (args.length !== 1) throw badArguments("member ID is not provided");
  try {
    return parseUint64(args[0]!, 16);
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    throw badArguments(`bad member ID arg (${error.message}), expecting ID in Hex`);
  }
}

function peerUrls({ flags }: Invocation): string[] {
  const text = flags.text("peer-urls");
  if (text === "") throw badArguments("member peer urls not provided");
  return text.split(",");
}

function fail(error: unknown): never {
  throw exitWith(ExitCode.ERROR, error);
}

function memberRow({ ID, name, peerURLs, clientURLs, isLearner }: Member): string[] {
  const status = name === "" ? "unstarted" : "started";
  return [hexId(ID), status, name, peerURLs.join(","), clientURLs.join(","), String(isLearner)];
}

function wideId(id: bigint): string {
  return hexId(id).padStart(16);
}

function clusterOf(header: ResponseHeader | undefined): string {
  return wideId(header?.clusterId ?? 0n);
}

interface Change {
  readonly header: ResponseHeader | undefined;
  readonly members: readonly Member[];
  readonly member?: Member | undefined;
}

function changeResult(table: MessageTable<unknown>, value: Change): Printable {
  return {
    message: { table, value },
    json: (hex) => (hex ? hexJson(value) : messageJson(table, value)),
  };
}

/** With IDs as text, and nothing left out above them. */
function hexJson(change: Change): string {
  const parts = [`"header":${hexHeader(change.header)}`];
  if ("member" in change)
    parts.push(`"member":${change.member === undefined ? "null" : hexMember(change.member)}`);
  parts.push(`"members":[${change.members.map(hexMember).join(",")}]`);
  return `{${parts.join(",")}}`;
}

function hexHeader(header: ResponseHeader | undefined): string {
  if (header === undefined) return "null";
  const { clusterId, memberId, revision, raftTerm } = header;
  const parts = [`"cluster_id":"${hexId(clusterId)}"`, `"member_id":"${hexId(memberId)}"`];
  if (revision !== 0n) parts.push(`"revision":${revision}`);
  if (raftTerm !== 0n) parts.push(`"raft_term":${raftTerm}`);
  return `{${parts.join(",")}}`;
}

function hexMember({ ID, name, peerURLs, clientURLs, isLearner }: Member): string {
  const parts = [`"ID":"${hexId(ID)}"`];
  if (name !== "") parts.push(`"name":${jsonText(name)}`);
  if (peerURLs.length > 0) parts.push(`"peerURLs":[${peerURLs.map(jsonText).join(",")}]`);
  if (clientURLs.length > 0) parts.push(`"clientURLs":[${clientURLs.map(jsonText).join(",")}]`);
  if (isLearner) parts.push('"isLearner":true');
  return `{${parts.join(",")}}`;
}
