import type { Change, History } from "./history.ts";

/** A history that was not observed but written down: revision to [key, value], or [key] where it is deleted. */
export function historyOf(
  revisions: Record<number, readonly (readonly string[])[]>,
  seenMs = (main: number) => main,
): History {
  const entries = Object.entries(revisions).map(([name, changes]) => {
    const main = Number(name);
    return [
      main,
      { changes: changes.map((change, sub) => changeOf(main, sub, change)), firstSeenMs: seenMs(main) },
    ];
  });
  return {
    revisions: new Map(entries as never),
    lastRevision: Math.max(...Object.keys(revisions).map(Number)),
  } as History;
}

function changeOf(main: number, sub: number, [key, value, lease]: readonly string[]): Change {
  return {
    main,
    sub,
    tombstone: value === undefined,
    key: key!,
    value: value ?? "",
    lease: BigInt(lease ?? 0),
    record: new Uint8Array(0),
  };
}
