export const VoteResult = { VotePending: 1, VoteLost: 2, VoteWon: 3 } as const;
export type VoteResult = (typeof VoteResult)[keyof typeof VoteResult];

export const VOTE_RESULT_NAMES: Readonly<Record<VoteResult, string>> = {
  [VoteResult.VotePending]: "VotePending",
  [VoteResult.VoteLost]: "VoteLost",
  [VoteResult.VoteWon]: "VoteWon",
};
