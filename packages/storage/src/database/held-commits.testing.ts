import { mock } from "node:test";
import { GenerationCommitter } from "./generation-committer.ts";

/** Makes the commits of all files, from now on, end only when they are told to: a disk as slow as a test needs it. */
export class HeldCommits {
  readonly #held: (() => void)[] = [];
  #onHeld: (() => void) | undefined;
  readonly #mocked;
  /** What the writes of each commit begun so far count as. */
  readonly bytes: number[] = [];

  constructor() {
    const { commit } = GenerationCommitter.prototype;
    const { bytes } = this;
    const hold = (end: () => void) => {
      this.#held.push(end);
      this.#onHeld?.();
    };
    this.#mocked = mock.method(
      GenerationCommitter.prototype,
      "commit",
      function (this: GenerationCommitter, ...[file, batch, done]: Parameters<typeof commit>) {
        bytes.push(batch.bytes);
        commit.call(this, file, batch, (error) => hold(() => done(error)));
      },
    );
  }

  /** Lets one commit end, when the database has executed it; before that nothing writes to the file, and `look` may. */
  async endOne(look?: () => void): Promise<void> {
    if (this.#held.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onHeld = resolve;
      });
      this.#onHeld = undefined;
    }
    look?.();
    this.#held.shift()!();
  }

  /** Commits end by themselves again. */
  release(): void {
    this.#mocked.mock.restore();
    this.#onHeld = () => this.#held.shift()!();
    for (const end of this.#held.splice(0)) end();
  }
}
