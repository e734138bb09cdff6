import { formatId } from "../cluster/ids.ts";
import { HTTP_FAILURES } from "../errors.ts";

/** What a member says to one that it knows to have been removed. Anything else is a failure that may pass. */
export class RemovedError extends Error {
  constructor() {
    super("the member has been permanently removed from the cluster");
  }
}

export interface Answer {
  readonly status: number;
  /** The value of `X-Etcd-Cluster-ID`. */
  readonly clusterId: string | undefined;
  readonly body: string;
}

/** Longer ones say something else. */
export const MAX_REMOVAL_BYTES = 4096;

/**
 * Whether an answer to a posted message says that its sender has been removed. The status alone does not: proxies and
 * firewalls answer 403, and so does a member of the same cluster that is reached by the address of another one.
 */
export function postSaysRemoved({ status, clusterId, body }: Answer, localClusterId: bigint): boolean {
  return (
    status === 403 &&
    clusterId === formatId(localClusterId) &&
    messageOf(body) === HTTP_FAILURES.FROM_REMOVED_MEMBER[1]
  );
}

/** Whether an answer to a request for a stream says so. */
export function streamSaysRemoved({ status, clusterId, body }: Answer, localClusterId: bigint): boolean {
  return (
    status === 410 &&
    clusterId === formatId(localClusterId) &&
    body.trimEnd() === HTTP_FAILURES.STREAM_OF_REMOVED_MEMBER[1]
  );
}

function messageOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { message?: unknown } | null)?.message;
  } catch {
    return undefined;
  }
}
