import type { ClusterMember } from "../cluster/member-json.ts";
import type { Logger } from "../log/logger.ts";
import type { PeerRequests } from "../peer/peer-requests.ts";

/** What a member says of itself at `/version`; unchecked text, empty where it says nothing. */
export interface PeerVersions {
  readonly server: string;
  readonly cluster: string;
}

/** How other members are asked. */
export interface PeerQuestions {
  readonly requests: PeerRequests;
  readonly log: Logger;
  /** For each URL. */
  readonly timeoutMs: number;
}

/** Asks each URL of `member` until one answers; undefined when none does. Never rejects. */
export function fetchVersions(
  questions: PeerQuestions,
  member: ClusterMember,
): Promise<PeerVersions | undefined> {
  return ask(questions, member, "/version", (text) => {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== "object" || answer === null || Array.isArray(answer)) {
      throw new SyntaxError("no versions");
    }
    const { etcdserver, etcdcluster } = answer as Record<string, unknown>;
    return { server: textOf(etcdserver), cluster: textOf(etcdcluster) };
  });
}

/** Whether a downgrade is under way, as the first of `members` says that answers; false when none does. */
export async function fetchDowngradeEnabled(
  questions: PeerQuestions,
  members: readonly ClusterMember[],
): Promise<boolean> {
  for (const member of members) {
    const enabled = await ask(questions, member, "/downgrade/enabled", (text) => {
      if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
      if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
      throw new SyntaxError("neither true nor false");
    });
    if (enabled !== undefined) return enabled;
  }
  return false;
}

/** Whatever the status is, a body that can be read is an answer. */
async function ask<Answer>(
  questions: PeerQuestions,
  member: ClusterMember,
  path: string,
  read: (text: string) => Answer,
): Promise<Answer | undefined> {
  for (const url of member.peerUrls) {
    try {
      const response = await questions.requests.send(url, {
        method: "GET",
        path,
        timeoutMs: questions.timeoutMs,
      });
      return read(response.body.toString());
    } catch (error) {
      questions.log.warn("failed to ask a peer", {
        address: `${url}${path}`,
        "remote-member-id": member.id.toString(16),
        error: (error as Error).message,
      });
    }
  }
  return undefined;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
