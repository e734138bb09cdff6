const MOST_FAULTS = 1_000;

/** What is wrong, in the order in which it was found; of very much only the beginning. */
export class Faults {
  readonly found: string[] = [];
  #more = 0;

  add(fault: string): void {
    if (this.found.length < MOST_FAULTS) this.found.push(fault);
    else this.#more++;
  }

  get count(): number {
    return this.found.length + this.#more;
  }

  /** A line each, behind one that says how many there are. */
  text(what: string): string {
    const rest = this.#more > 0 ? [`and ${this.#more} more`] : [];
    return [`${what}: ${this.count} faults found`, ...this.found, ...rest].join("\n");
  }
}
