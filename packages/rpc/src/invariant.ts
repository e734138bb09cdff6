/** For what no peer and no handler can bring about: a failure is a bug of ours, and whoever serves must not go on. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new RpcInvariantError(message);
}

/** The bookkeeping of a connection contradicts itself. */
export class RpcInvariantError extends Error {
  constructor(message: string) {
    super(`broken invariant: ${message}`);
    this.name = "RpcInvariantError";
  }
}
