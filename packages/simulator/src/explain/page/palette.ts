import type { Outcome, Role } from "../timeline.ts";

export const ROLE_COLOURS: Readonly<Record<Role, string>> = {
  starting: "#e4e7eb",
  follower: "#b3cde0",
  "pre-candidate": "#fbe3a6",
  candidate: "#f5b942",
  leader: "#5dba7d",
  learner: "#c9b6e4",
  down: "#ffffff",
};

export const OUTCOME_COLOURS: Readonly<Record<Outcome, string>> = {
  ok: "#a6d8c1",
  unknown: "#f7c873",
  failed: "#cbd2d9",
};

export const COLOURS = {
  text: "#1f2933",
  faint: "#7b8794",
  grid: "#e9ecef",
  line: "#cbd2d9",
  fault: "#f4b8a6",
  faultEdge: "#d64526",
  faultShade: "rgba(214, 69, 38, 0.10)",
  links: "#e8c9f0",
  violation: "#d40026",
  cursor: "#3e4c59",
  pause: "rgba(31, 41, 51, 0.55)",
  lastIndex: "#b8c4ce",
  committed: "#6b8cae",
  applied: "#1d4f7c",
  log: "#9aa5b1",
  stream: "#d9e8f6",
  delivery: "#2b6cb0",
} as const;

const MESSAGE_COLOURS: Readonly<Record<string, string>> = {
  MsgApp: "#1f6fb5",
  MsgAppResp: "#7fb2dd",
  MsgVote: "#d9822b",
  MsgVoteResp: "#edb578",
  MsgPreVote: "#b08d00",
  MsgPreVoteResp: "#d6bd55",
  MsgHeartbeat: "#8d99a6",
  MsgHeartbeatResp: "#b9c2cb",
  MsgSnap: "#8e44ad",
  MsgProp: "#14866d",
  MsgReadIndex: "#c2437e",
  MsgReadIndexResp: "#e090b5",
  MsgTimeoutNow: "#b83a1b",
  MsgTransferLeader: "#b83a1b",
};

export function messageColour(type: string): string {
  return MESSAGE_COLOURS[type] ?? COLOURS.text;
}
