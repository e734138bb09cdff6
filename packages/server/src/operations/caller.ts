/**
 * On whose behalf an operation is executed: from the transport into the header of its log entry, and out of it again on
 * every member that applies the entry. What the log does not keep is known only where the call is.
 */
export interface Caller {
  /** Empty: nobody has said who they are. */
  readonly username: string;
  /** Revision of the users' permissions at which `username` was established; 0 when it is empty. */
  readonly authRevision: number;
  /** What it has shown to prove who it is proves nothing: it may not do what anybody who has shown nothing may, either. */
  readonly isImpostor: boolean;
  /** Fires when the call has ended, by its deadline as well, for those who wait before they propose; undefined when nobody listens. */
  readonly signal: AbortSignal | undefined;
}

/** One for all calls without a user, so that it costs them nothing: their ends are heard of at the call itself. */
export const NOBODY: Caller = {
  username: "",
  authRevision: 0,
  isImpostor: false,
  signal: undefined,
};

/** Whoever comes with a token that is none. No entry of the log is made for it. */
export const IMPOSTOR: Caller = { ...NOBODY, isImpostor: true };
