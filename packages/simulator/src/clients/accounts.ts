/**
 * The passwords that users may have, as far as whoever changes them was told: one, or several while it is not known whether
 * a change has happened. Those of users that are gone stay.
 */
export class Accounts {
  /** By user; the newest first. */
  readonly #passwords = new Map<string, string[]>();

  /** It may be in force from now on. */
  tried(user: string, password: string): void {
    this.#passwords.set(user, [password, ...(this.#passwords.get(user) ?? [])]);
  }

  /** It is the one. */
  settled(user: string, password: string): void {
    this.#passwords.set(user, [password]);
  }

  passwordsOf(user: string): readonly string[] {
    return this.#passwords.get(user) ?? [];
  }
}
