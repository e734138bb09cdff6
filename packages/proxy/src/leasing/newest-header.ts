import type { ResponseHeader } from "@quorate/wire/messages";

/** The header with the highest revision that any answer had: answers from memory have it, so that clients see none go back. */
export class NewestHeader {
  #header: ResponseHeader | undefined;

  get header(): ResponseHeader | undefined {
    return this.#header;
  }

  saw(header: ResponseHeader | undefined): void {
    if (header !== undefined && header.revision > (this.#header?.revision ?? 0n)) this.#header = header;
  }
}
