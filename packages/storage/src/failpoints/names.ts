/** The points where a crash or a stall can be asked for, called and meant as etcd's. */
export const FAILPOINT_NAMES = [
  // Around making a Ready durable, and before its messages leave.
  "raftBeforeSave",
  "raftAfterSave",
  "raftBeforeLeaderSend",
  "raftBeforeFollowerSend",
  // Around making a received snapshot durable, and making it the log's beginning.
  "raftBeforeSaveSnap",
  "raftAfterSaveSnap",
  "raftBeforeApplySnap",
  "raftAfterApplySnap",
  "raftAfterWALRelease",
  // After a received database has its name and before that is durable; what `return("text")` gives makes that fail.
  "snapDBRenameBeforeDirSync",
  "snapDBDirSyncError",
  // Before and while a received database becomes the state, and before an entry, or a change of the members, takes effect.
  "applyBeforeOpenSnapshot",
  "applyAfterOpenSnapshot",
  "beforeApplyOneEntryNormal",
  "beforeApplyOneConfChange",
  // Around a commit of the backend and the start of its next transaction.
  "beforeCommit",
  "afterCommit",
  "beforeStartDBTxn",
  "afterStartDBTxn",
  "beforeWritebackBuf",
  "afterWritebackBuf",
  "commitBeforePreCommitHook",
  "commitAfterPreCommitHook",
  // Around the steps of a compaction.
  "compactAfterAcquiredBatchTxLock",
  "compactBeforeCommitBatch",
  "compactAfterCommitBatch",
  "compactBeforeCommitScheduledCompact",
  "compactAfterCommitScheduledCompact",
  "compactBeforeSetFinishedCompact",
  "compactAfterSetFinishedCompact",
  "beforeSendWatchResponse",
  // Before a lease is renewed that is there.
  "beforeCheckpointInLeaseRenew",
  "defragBeforeCopy",
  // What `return("text")` gives is the error with which the file of the copy cannot be opened, or be written.
  "defragOpenFileError",
  "defragdbFail",
  "defragBeforeRename",
] as const;

export type FailpointName = (typeof FAILPOINT_NAMES)[number];

export function isFailpointName(name: string): name is FailpointName {
  return (FAILPOINT_NAMES as readonly string[]).includes(name);
}
