/** One member as the cluster knows it. "Started" means that it has published its name. */
export interface ClusterMember {
  readonly id: bigint;
  readonly peerUrls: readonly string[];
  readonly isLearner: boolean;
  readonly name: string;
  readonly clientUrls: readonly string[];
}

/** What a configuration change says of its member. */
export interface ConfChangeContext {
  readonly member: ClusterMember;
  /** The change makes a voter of a learner, and names only its ID. */
  readonly isPromote: boolean;
}

/** The JSON that the table `members` and `GET /members` carry. The ID is a bare number of up to 64 bits. */
export function encodeMember(member: ClusterMember): string {
  return `{${memberFields(member).join(",")}}`;
}

/** Throws `SyntaxError` when `text` is not a member's JSON. */
export function decodeMember(text: string): ClusterMember {
  return toMember(parseWithIds(text));
}

/** The body of `GET /members`: ascending by ID, ended by a newline. */
export function encodeMemberList(members: readonly ClusterMember[]): string {
  const ordered = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  return `${ordered.length === 0 ? "null" : `[${ordered.map(encodeMember).join(",")}]`}\n`;
}

/** Throws `SyntaxError` when `text` is not a list of members; `null` is an empty one. */
export function decodeMemberList(text: string): ClusterMember[] {
  const parsed = parseWithIds(text);
  if (parsed === null) return [];
  if (!Array.isArray(parsed)) throw new SyntaxError("a list of members is needed");
  return parsed.map(toMember);
}

/** The context of a change that adds a member or gives it new URLs. */
export function encodeMemberContext(member: ClusterMember): Uint8Array {
  return Buffer.from(encodeMember(member));
}

/** The context of a change that makes a voter of learner `id`. */
export function encodePromotionContext(id: bigint): Uint8Array {
  return Buffer.from(`{"id":${id},"peerURLs":null,"isPromote":true}`);
}

/** Throws `SyntaxError` when `context` is none. */
export function decodeConfChangeContext(context: Uint8Array | undefined): ConfChangeContext {
  const parsed = parseWithIds(Buffer.from(context ?? []).toString());
  return { member: toMember(parsed), isPromote: (parsed as { isPromote?: unknown }).isPromote === true };
}

function memberFields(member: ClusterMember): string[] {
  const parts = [`"id":${member.id}`, `"peerURLs":${goJson(member.peerUrls)}`];
  if (member.isLearner) parts.push('"isLearner":true');
  if (member.name !== "") parts.push(`"name":${goJson(member.name)}`);
  if (member.clientUrls.length > 0) parts.push(`"clientURLs":${goJson(member.clientUrls)}`);
  return parts;
}

function toMember(value: unknown): ClusterMember {
  const { id, peerURLs, isLearner, name, clientURLs } = (value ?? {}) as Record<string, unknown>;
  if (typeof id !== "bigint" || id >= 1n << 64n) throw new SyntaxError("a member needs a numeric id");
  return {
    id,
    peerUrls: strings(peerURLs, "peerURLs"),
    isLearner: isLearner === true,
    name: typeof name === "string" ? name : "",
    clientUrls: strings(clientURLs, "clientURLs"),
  };
}

function strings(value: unknown, what: string): readonly string[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value) || value.some((item) => typeof item !== "string")) {
    throw new SyntaxError(`${what} of a member must be a list of strings`);
  }
  return value;
}

/** IDs use all 64 bits: only the source text has them whole. */
function parseWithIds(text: string): unknown {
  return JSON.parse(text, ((key: string, value: unknown, context?: { source?: string }) => {
    const isId = key === "id" && typeof value === "number" && /^\d{1,20}$/.test(context?.source ?? "");
    return isId ? BigInt(context!.source!) : value;
  }) as (key: string, value: unknown) => unknown);
}

/** Go's encoder escapes what HTML could misread; log entries must be equal on all members. */
function goJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
