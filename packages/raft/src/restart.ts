import { assert, panic } from "./assert.ts";
import { confStatesEqual, restoreConfig } from "./confchange/restore.ts";
import type { ResolvedConfig } from "./config.ts";
import { hex } from "./format/hex.ts";
import { LogLevel } from "./logger.ts";
import { switchToConfig } from "./membership.ts";
import { Raft } from "./raft.ts";
import { becomeFollower } from "./roles/transitions.ts";
import { type HardState, isEmptyHardState, NONE } from "./types.ts";

/** A member as `config.storage` left it, empty or not: a follower that knows of no leader. */
export function restart(config: ResolvedConfig): Raft {
  const { hardState, confState } = config.storage.initialState();
  const r = new Raft(config);
  const actual = switchToConfig(r, restoreConfig(r.tracker, confState, r.log.lastIndex()));
  assert(confStatesEqual(confState, actual), "the stored configuration was not restored as it is");
  if (!isEmptyHardState(hardState)) load(r, hardState);
  if (config.applied > 0) r.log.appliedTo(config.applied, 0);
  becomeFollower(r, r.term, NONE);
  if (r.logs(LogLevel.Info)) {
    const peers = r.tracker.config.voters.ids.map(hex).join(",");
    r.info(
      `newRaft ${hex(r.id)} [peers: [${peers}], term: ${r.term}, commit: ${r.log.committed}, ` +
        `applied: ${r.log.applied}, lastindex: ${r.log.lastIndex()}, lastterm: ${r.log.lastTerm()}]`,
    );
  }
  return r;
}

function load(r: Raft, { term, vote, commit }: HardState): void {
  if (commit < r.log.committed || commit > r.log.lastIndex()) {
    panic(
      r.logger,
      `${hex(r.id)} state.commit ${commit} is out of range [${r.log.committed}, ${r.log.lastIndex()}]`,
    );
  }
  r.log.committed = commit;
  r.term = term;
  r.vote = vote;
}
