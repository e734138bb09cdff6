import { type PeerAddress, parsePeerUrl } from "./peer-address.ts";

/** The addresses of a member, and which of them is in use: the next one as soon as that fails. */
export class UrlPicker {
  #addresses: readonly PeerAddress[];
  #at = 0;

  /** URLs that lead nowhere are left out. */
  constructor(urls: readonly string[]) {
    this.#addresses = urls.flatMap(parse);
  }

  /** undefined when there is none at all. */
  get current(): PeerAddress | undefined {
    return this.#addresses[this.#at];
  }

  /** Nothing happens when another one is in use already. */
  failed(address: PeerAddress): void {
    if (this.current === address) this.#at = (this.#at + 1) % this.#addresses.length;
  }

  replace(urls: readonly string[]): void {
    this.#addresses = urls.flatMap(parse);
    this.#at = 0;
  }
}

function parse(url: string): PeerAddress[] {
  try {
    return [parsePeerUrl(url)];
  } catch {
    return [];
  }
}
