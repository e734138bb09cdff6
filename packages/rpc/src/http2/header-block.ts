import {
  FIELD_AUTHORITY,
  FIELD_CONNECTION_SPECIFIC,
  FIELD_CONTENT_LENGTH,
  FIELD_CONTENT_TYPE,
  FIELD_GRPC_ACCEPT_ENCODING,
  FIELD_GRPC_ENCODING,
  FIELD_GRPC_TIMEOUT,
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
  /** The last `content-type`, `grpc-encoding` and `grpc-accept-encoding`; empty when absent. */
  readonly contentType: string;
  readonly encoding: string;
  readonly acceptEncoding: string;
  /** The last `grpc-timeout`. */
  readonly timeout: string | undefined;
  readonly validRequest: boolean;
  readonly validResponse: boolean;
  readonly validTrailers: boolean;
  /** The list was over the limit: fields are missing, nothing may be decided from the block. */
  readonly tooLarge: boolean;
  /** The size of the list, counted as in RFC 9113 section 6.5.2. */
  readonly listBytes: number;
  derived: unknown = undefined;
  readonly #firsts: ReadonlyMap<string, string | undefined> | undefined;

  /** `summary` has seen all `fields`. */
  constructor(
    fields: readonly HeaderField[],
    tooLarge: boolean,
    listBytes: number,
    summary: BlockSummary = new BlockSummary().add(fields, 0),
  ) {
    const { method, path, status, wellFormed, seen } = summary;
    this.fields = fields;
    this.method = method;
    this.scheme = summary.scheme;
    this.authority = summary.authority;
    this.path = path;
    this.status = status !== "" && /^\d{3}$/.test(status) ? Number(status) : 0;
    this.contentLength = summary.contentLength;
    this.contentType = summary.contentType;
    this.encoding = summary.encoding;
    this.acceptEncoding = summary.acceptEncoding;
    this.timeout = summary.timeout;
    this.#firsts = summary.firsts;
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
    const firsts = this.#firsts;
    if (firsts !== undefined) {
      if (firsts.has(name)) return firsts.get(name);
      if (namesLookedUp.size < MOST_NAMES) namesLookedUp.add(name);
    }
    const fields = this.fields;
    for (let i = 0; i < fields.length; i++) if (fields[i]!.name === name) return fields[i]!.value;
    return undefined;
  }
}

const CONNECT_PSEUDO = 1 << FIELD_METHOD;
const REQUEST_PSEUDO = (1 << FIELD_METHOD) | (1 << FIELD_SCHEME) | (1 << FIELD_PATH);

/**
 * What has been looked up in long blocks: few names, which callers have in their code. In later ones these are found while
 * they are decoded, over as many turns as that takes.
 */
const namesLookedUp = new Set<string>();
const MOST_NAMES = 64;

/** What of a block's fields is looked at by name and order, gathered while they are decoded. Used again for each block. */
export class BlockSummary {
  method = "";
  scheme = "";
  authority = "";
  path = "";
  status = "";
  contentLength = -1;
  contentType = "";
  encoding = "";
  acceptEncoding = "";
  timeout: string | undefined = undefined;
  /** Of a long block: the names that were known to be looked up when it began, and their first values so far. */
  firsts: Map<string, string | undefined> | undefined = undefined;
  /** The kinds of pseudo-headers, as bits. */
  seen = 0;
  wellFormed = true;
  #regularSeen = false;

  /** Forgets what it has seen. */
  clear(): this {
    this.method = "";
    this.scheme = "";
    this.authority = "";
    this.path = "";
    this.status = "";
    this.contentLength = -1;
    this.contentType = "";
    this.encoding = "";
    this.acceptEncoding = "";
    this.timeout = undefined;
    this.firsts = undefined;
    this.seen = 0;
    this.wellFormed = true;
    this.#regularSeen = false;
    return this;
  }

  /** Forgets what it has seen. A block begins that may be long. */
  beginLong(): void {
    this.clear();
    this.firsts = new Map();
    for (const name of namesLookedUp) this.firsts.set(name, undefined);
  }

  /** Looks at `fields` from number `from` on. */
  add(fields: readonly HeaderField[], from: number): this {
    const { firsts } = this;
    for (let i = from; i < fields.length; i++) {
      const field = fields[i]!;
      const kind = field.kind;
      if (firsts?.has(field.name) && firsts.get(field.name) === undefined)
        firsts.set(field.name, field.value);
      if (kind >= FIELD_METHOD && kind <= FIELD_STATUS) {
        this.#addPseudoHeader(kind, field.value);
        continue;
      }
      this.#regularSeen = true;
      if (kind === FIELD_INVALID || kind === FIELD_CONNECTION_SPECIFIC) {
        this.wellFormed = false;
      } else if (kind === FIELD_TE) {
        if (field.value !== "trailers") this.wellFormed = false;
      } else if (kind === FIELD_CONTENT_LENGTH) {
        const length = /^\d{1,15}$/.test(field.value) ? Number(field.value) : -1;
        if (length < 0 || (this.contentLength >= 0 && this.contentLength !== length)) this.wellFormed = false;
        this.contentLength = length;
      } else if (kind === FIELD_CONTENT_TYPE) this.contentType = field.value;
      else if (kind === FIELD_GRPC_TIMEOUT) this.timeout = field.value;
      else if (kind === FIELD_GRPC_ENCODING) this.encoding = field.value;
      else if (kind === FIELD_GRPC_ACCEPT_ENCODING) this.acceptEncoding = field.value;
    }
    return this;
  }

  #addPseudoHeader(kind: number, value: string): void {
    // Pseudo-headers come first, each at most once.
    if (this.#regularSeen || (this.seen & (1 << kind)) !== 0) this.wellFormed = false;
    this.seen |= 1 << kind;
    if (kind === FIELD_METHOD) this.method = value;
    else if (kind === FIELD_SCHEME) this.scheme = value;
    else if (kind === FIELD_AUTHORITY) this.authority = value;
    else if (kind === FIELD_PATH) this.path = value;
    else this.status = value;
  }
}
