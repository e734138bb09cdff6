/**
 * A header field as HPACK sees it, classified once: an entry of a header table is used by thousands of requests, so what
 * is decided about its name is decided when the entry is made.
 */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
  /** RFC 7541 section 4.1: octets of name and value plus 32. */
  readonly size: number;
  /** One of the `FIELD_*` constants. */
  readonly kind: number;
  /** What the name alone makes it, for fields of the same name. */
  readonly nameKind: number;
}

export const FIELD_OTHER = 0;
/** The name breaks RFC 9113 section 8.2.1 (upper case, control characters, empty, unknown pseudo-header). */
export const FIELD_INVALID = 1;
/** A field that must not appear in HTTP/2 (RFC 9113 section 8.2.2). */
export const FIELD_CONNECTION_SPECIFIC = 2;
export const FIELD_METHOD = 3;
export const FIELD_SCHEME = 4;
export const FIELD_AUTHORITY = 5;
export const FIELD_PATH = 6;
export const FIELD_STATUS = 7;
export const FIELD_TE = 8;
export const FIELD_CONTENT_TYPE = 9;
export const FIELD_CONTENT_LENGTH = 10;
export const FIELD_GRPC_TIMEOUT = 11;
export const FIELD_GRPC_ENCODING = 12;
export const FIELD_GRPC_ACCEPT_ENCODING = 13;
export const FIELD_GRPC_STATUS = 14;
export const FIELD_GRPC_MESSAGE = 15;
const FIELD_HOST = 16;

const KNOWN_NAMES = new Map<string, number>([
  [":method", FIELD_METHOD],
  [":scheme", FIELD_SCHEME],
  [":authority", FIELD_AUTHORITY],
  [":path", FIELD_PATH],
  [":status", FIELD_STATUS],
  ["te", FIELD_TE],
  ["content-type", FIELD_CONTENT_TYPE],
  ["content-length", FIELD_CONTENT_LENGTH],
  ["grpc-timeout", FIELD_GRPC_TIMEOUT],
  ["grpc-encoding", FIELD_GRPC_ENCODING],
  ["grpc-accept-encoding", FIELD_GRPC_ACCEPT_ENCODING],
  ["grpc-status", FIELD_GRPC_STATUS],
  ["grpc-message", FIELD_GRPC_MESSAGE],
  ["host", FIELD_HOST],
  ["connection", FIELD_CONNECTION_SPECIFIC],
  ["proxy-connection", FIELD_CONNECTION_SPECIFIC],
  ["keep-alive", FIELD_CONNECTION_SPECIFIC],
  ["transfer-encoding", FIELD_CONNECTION_SPECIFIC],
  ["upgrade", FIELD_CONNECTION_SPECIFIC],
]);

/** Builds a field; strings hold one octet per character (latin1). */
export function headerField(name: string, value: string): HeaderField {
  return fieldNamed(name, KNOWN_NAMES.get(name) ?? classifyName(name), value);
}

/** The same with a name that has been looked at already: `nameKind` is what that made of it. */
export function fieldNamed(name: string, nameKind: number, value: string): HeaderField {
  return {
    name,
    value,
    size: name.length + value.length + 32,
    kind: isValidValue(value) ? nameKind : FIELD_INVALID,
    nameKind,
  };
}

/** What `name` makes a field. `classified` is what {@link classifyName} says, if that has been asked of all its parts. */
export function kindOfName(name: string, classified?: number): number {
  return KNOWN_NAMES.get(name) ?? classified ?? classifyName(name);
}

/** True when a header name may be sent: lower case token characters. */
export function isValidName(name: string): boolean {
  return name.length > 0 && classifyName(name) === FIELD_OTHER;
}

/** RFC 9113 section 8.2.1: no NUL, CR or LF, and no white space at either end. */
export function isValidValue(value: string): boolean {
  const length = value.length;
  if (length === 0) return true;
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(length - 1))) return false;
  if (length > LONG_VALUE) return !value.includes("\0") && !value.includes("\n") && !value.includes("\r");
  for (let i = 0; i < length; i++) {
    const c = value.charCodeAt(i);
    if (c === 0 || c === 10 || c === 13) return false;
  }
  return true;
}

/** From here on three searches, which the runtime does many characters at a time, are faster than a loop. */
const LONG_VALUE = 256;

function isBlank(c: number): boolean {
  return c === 0x20 || c === 0x09;
}

/** `FIELD_INVALID` or `FIELD_OTHER`, for a name that is none of the known ones, or a part of a name. */
export function classifyName(name: string): number {
  if (name.length === 0) return FIELD_INVALID;
  for (let i = 0; i < name.length; i++) {
    const c = name.charCodeAt(i);
    // A colon is legal only in the known pseudo-header names, which never get here.
    if (c <= 0x20 || c >= 0x7f || c === 0x3a || (c >= 0x41 && c <= 0x5a)) return FIELD_INVALID;
  }
  return FIELD_OTHER;
}
