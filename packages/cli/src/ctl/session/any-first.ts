/**
 * The endpoints, beginning with any of them: a client connects to the first that answers, and so commands are spread over the
 * members. `random` gives numbers from 0 to below 1.
 */
export function anyFirst(endpoints: readonly string[], random: () => number = Math.random): string[] {
  const first = Math.floor(random() * endpoints.length);
  return [...endpoints.slice(first), ...endpoints.slice(0, first)];
}
