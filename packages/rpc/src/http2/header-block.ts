import {
  FIELD_AUTHORITY,
  FIELD_CONNECTION_SPECIFIC,
  FIELD_CONTENT_LENGTH,
  FIELD_INVALID,
  FIELD_METHOD,
  FIELD_PATH,
  FIELD_SCHEME,
  FIELD_STATUS,
  FIELD_TE,
  type HeaderField,
} from "../hpack/field.ts";

/**
 * A decoded header block with its pseudo-headers picked out and checked against RFC 9113 section 8. Blocks that repeat
 * are decoded once and shared by all their requests, so a block is never changed, and what a layer above derives from it
 * can be kept in `derived`.
 */
export class HeaderBlock {
  readonly fields: readonly HeaderField[];
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly path: string;
  /** The `:status` of a response; 0 when absent or not a number. */
  readonly status: number;
  /** The `content-length`; -1 when absent. */
  readonly contentLength: number;
  readonly validRequest: boolean;
  readonly validResponse: boolean;
  readonly validTrailers: boolean;
  /** The list was over the limit: fields are missing, nothing may be decided from the block. */
  readonly tooLarge: boolean;
  /** The size of the list, counted as in RFC 9113 section 6.5.2. */
  readonly listBytes: number;
  derived: unknown = undefined;

  constructor(fields: readonly HeaderField[], tooLarge: boolean, listBytes: number) {
    let method = "";
    let scheme = "";
    let authority = "";
    let path = "";
    let status = "";
    let contentLength = -1;
    let seen = 0;
    let regularSeen = false;
    let wellFormed = true;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!;
      const kind = field.kind;
      if (kind >= FIELD_METHOD && kind <= FIELD_STATUS) {
        // Pseudo-headers come first, each at most once.
        if (regularSeen || (seen & (1 << kind)) !== 0) wellFormed = false;
        seen |= 1 << kind;
        if (kind === FIELD_METHOD) method = field.value;
        else if (kind === FIELD_SCHEME) scheme = field.value;
        else if (kind === FIELD_AUTHORITY) authority = field.value;
        else if (kind === FIELD_PATH) path = field.value;
        else status = field.value;
        continue;
      }
      regularSeen = true;
      if (kind === FIELD_INVALID || kind === FIELD_CONNECTION_SPECIFIC) {
        wellFormed = false;
      } else if (kind === FIELD_TE) {
        if (field.value !== "trailers") wellFormed = false;
      } else if (kind === FIELD_CONTENT_LENGTH) {
        const length = /^\d{1,15}$/.test(field.value) ? Number(field.value) : -1;
        if (length < 0 || (contentLength >= 0 && contentLength !== length)) wellFormed = false;
        contentLength = length;
      }
    }
    this.fields = fields;
    this.method = method;
    this.scheme = scheme;
    this.authority = authority;
    this.path = path;
    this.status = status !== "" && /^\d{3}$/.test(status) ? Number(status) : 0;
    this.contentLength = contentLength;
    const requestPseudo = method === "CONNECT" ? CONNECT_PSEUDO : REQUEST_PSEUDO;
    this.validRequest =
      wellFormed &&
      (seen & ~(1 << FIELD_AUTHORITY)) === requestPseudo &&
      (path !== "" || method === "CONNECT");
    this.validResponse = wellFormed && seen === 1 << FIELD_STATUS && this.status >= 100;
    this.validTrailers = wellFormed && seen === 0;
    this.tooLarge = tooLarge;
    this.listBytes = listBytes;
  }

  /** The value of the first field called `name`, which must be lower case. */
  get(name: string): string | undefined {
    const fields = this.fields;
    for (let i = 0; i < fields.length; i++) if (fields[i]!.name === name) return fields[i]!.value;
    return undefined;
  }
}

const CONNECT_PSEUDO = 1 << FIELD_METHOD;
const REQUEST_PSEUDO = (1 << FIELD_METHOD) | (1 << FIELD_SCHEME) | (1 << FIELD_PATH);
