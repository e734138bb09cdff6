/** A member could not join the others in the discovery service. */
export class DiscoveryError extends Error {
  override readonly name = "DiscoveryError";

  constructor(cause: Error) {
    super(`failed to join discovery cluster (${cause.message})`, { cause });
  }
}
