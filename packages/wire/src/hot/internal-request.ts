import {
  addOccurrence,
  cursor,
  EMPTY,
  joinOccurrences,
  type Occurrences,
  readBigUint64,
  readBytes,
  readString,
  readTag,
  readUint64,
  skipValue,
} from "./reader.ts";
import { entrySlab } from "./slab.ts";
import { WireError } from "./wire-error.ts";
import { bigVarintSize, bytesSize, varintSize, writeBigVarint, writeBytes, writeVarint } from "./writer.ts";

/** Field numbers of `etcdserverpb.InternalRaftRequest` that name an operation, in the order in which apply asks. */
export const InternalField = {
  clusterVersionSet: 1300,
  clusterMemberAttrSet: 1301,
  downgradeInfoSet: 1302,
  downgradeVersionTest: 9900,
  range: 3,
  put: 4,
  deleteRange: 5,
  txn: 6,
  compaction: 7,
  leaseGrant: 8,
  leaseRevoke: 9,
  leaseCheckpoint: 11,
  alarm: 10,
  authenticate: 1012,
  authEnable: 1000,
  authDisable: 1011,
  authStatus: 1013,
  authUserAdd: 1100,
  authUserDelete: 1101,
  authUserChangePassword: 1103,
  authUserGrantRole: 1104,
  authUserGet: 1102,
  authUserRevokeRole: 1105,
  authRoleAdd: 1200,
  authRoleGrantPermission: 1203,
  authRoleGet: 1202,
  authRoleRevokePermission: 1204,
  authRoleDelete: 1201,
  authUserList: 1106,
  authRoleList: 1107,
} as const;

const PRIORITY = new Map<number, number>(Object.values(InternalField).map((field, rank) => [field, rank]));
const HEADER_TAG = (100 << 3) | 2;
const ID_TAG = 1 << 3;

/** A normal log entry's payload, taken apart as far as apply needs to dispatch it. */
export interface InternalRequest {
  /** The id by which the proposer waits: field 1 of old members, else that of the header. */
  id: bigint;
  username: string;
  authRevision: number;
  /** Field number of the operation; 0 if there is none that is known. */
  field: number;
  /** The operation's own message, a view on the entry's bytes. */
  body: Uint8Array;
}

const utf8 = new TextEncoder();
/** The name that was encoded last: one entry after another is often of the same user. */
let lastUsername = "";
let lastName: Uint8Array = EMPTY;

/**
 * The payload of a log entry. `request` is the client's message as it came, and copied once, here. Returns owned bytes of
 * exact size. `id` and `authRevision` are uint64.
 */
export function encodeInternalRequest(
  field: number,
  request: Uint8Array,
  id: bigint,
  username: string,
  authRevision: number,
): Uint8Array {
  if (username !== lastUsername) {
    lastUsername = username;
    lastName = utf8.encode(username);
  }
  const name = lastName;
  let headerSize = 0;
  if (id !== 0n) headerSize += 1 + bigVarintSize(id);
  if (name.length > 0) headerSize += 1 + bytesSize(name);
  if (authRevision !== 0) headerSize += 1 + varintSize(authRevision);
  const tag = field * 8 + 2;
  const size = varintSize(tag) + bytesSize(request) + 2 + varintSize(headerSize) + headerSize;
  const out = entrySlab.allocate(size);
  let pos = field < 100 ? writeOperation(out, 0, tag, request) : 0;
  out[pos++] = 0xa2;
  out[pos++] = 0x06;
  pos = writeVarint(out, pos, headerSize);
  if (id !== 0n) {
    out[pos++] = 0x08;
    pos = writeBigVarint(out, pos, id);
  }
  if (name.length > 0) {
    out[pos++] = 0x12;
    pos = writeBytes(out, pos, name);
  }
  if (authRevision !== 0) {
    out[pos++] = 0x18;
    pos = writeVarint(out, pos, authRevision);
  }
  if (field > 100) writeOperation(out, pos, tag, request);
  return out;
}

function writeOperation(out: Uint8Array, pos: number, tag: number, request: Uint8Array): number {
  return writeBytes(out, writeVarint(out, pos, tag), request);
}

/** Throws WireError. The operation's bytes are not looked into. */
export function decodeInternalRequest(data: Uint8Array): InternalRequest {
  const end = data.length;
  let legacyId = 0n;
  let headerId = 0n;
  let username = "";
  let authRevision = 0;
  let field = 0;
  let body = EMPTY;
  let repeated: Occurrences | undefined;
  let pos = 0;
  while (pos < end) {
    const tag = readTag(data, pos, end);
    pos = cursor;
    if (tag === HEADER_TAG) {
      const header = readBytes(data, pos, end);
      const after = cursor;
      const headerEnd = header.length;
      let at = 0;
      while (at < headerEnd) {
        const headerTag = readTag(header, at, headerEnd);
        at = cursor;
        if (headerTag === 0x08) headerId = readBigUint64(header, at, headerEnd);
        else if (headerTag === 0x12) username = readString(header, at, headerEnd);
        else if (headerTag === 0x18) authRevision = readUint64(header, at, headerEnd);
        else {
          at = skipValue(header, at, headerEnd, headerTag);
          continue;
        }
        at = cursor;
      }
      pos = after;
    } else if (tag === ID_TAG) {
      legacyId = readBigUint64(data, pos, end);
      pos = cursor;
    } else if ((tag & 7) === 2) {
      const content = readBytes(data, pos, end);
      pos = cursor;
      const number = tag >>> 3;
      if (field === 0) {
        if (PRIORITY.has(number)) {
          field = number;
          body = content;
        }
      } else if (number === field) {
        repeated = addOccurrence(repeated ?? body, content);
      } else {
        const rank = PRIORITY.get(number);
        if (rank !== undefined && rank < PRIORITY.get(field)!) {
          field = number;
          body = content;
          repeated = undefined;
        }
      }
    } else {
      pos = skipValue(data, pos, end, tag);
    }
  }
  if (repeated !== undefined) body = joinOccurrences(repeated);
  return { id: legacyId !== 0n ? legacyId : headerId, username, authRevision, field, body };
}

/**
 * The ID by which the proposer of a log entry's payload waits, without taking the rest apart. 0n when there is none, or
 * when the payload is malformed.
 */
export function requestId(data: Uint8Array): bigint {
  const end = data.length;
  let pos = 0;
  try {
    while (pos < end) {
      const tag = readTag(data, pos, end);
      pos = cursor;
      if (tag === ID_TAG) return readBigUint64(data, pos, end);
      if (tag !== HEADER_TAG) {
        pos = skipValue(data, pos, end, tag);
        continue;
      }
      const header = readBytes(data, pos, end);
      pos = cursor;
      if (header.length > 0 && header[0] === ID_TAG) return readBigUint64(header, 1, header.length);
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
  }
  return 0n;
}
