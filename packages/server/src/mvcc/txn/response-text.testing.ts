import { describe } from "../testing.ts";

/** For tests: the encoded responses of a transaction as text. */
export function describeResponses(responses: readonly { kind: number; body: Uint8Array }[]): string {
  return responses.map(({ kind, body }) => describeResponse(kind, body)).join("; ");
}

function describeResponse(kind: number, body: Uint8Array): string {
  const fields = [...readFields(body)];
  const header = fields.find(([number]) => number === 1)?.[1];
  const revision = header instanceof Uint8Array ? [...readFields(header)][0]?.[1] : undefined;
  const rest = fields.filter(([number]) => number !== 1);
  switch (kind) {
    case 1: {
      const kvs = rest.filter(([number]) => number === 2).map(([, kv]) => describe(kv as Uint8Array));
      const more = rest.some(([number]) => number === 3) ? ["more"] : [];
      const count = rest.find(([number]) => number === 4)?.[1] ?? 0;
      return [`range@${revision}`, ...kvs, ...more, `count ${count}`].join(" ");
    }
    case 2:
      return [`put@${revision}`, ...rest.map(([, kv]) => describe(kv as Uint8Array))].join(" ");
    case 3: {
      const deleted = rest.find(([number]) => number === 2)?.[1] ?? 0;
      const prevKvs = rest.filter(([number]) => number === 3).map(([, kv]) => describe(kv as Uint8Array));
      return [`delete@${revision}`, deleted, ...prevKvs].join(" ");
    }
    default: {
      if (!(header instanceof Uint8Array) || header.length > 0) return "txn with a wrong header";
      const succeeded = rest.some(([number]) => number === 2) ? "yes" : "no";
      const inner = rest
        .filter(([number]) => number === 3)
        .map(([, response]) => {
          const [member] = [...readFields(response as Uint8Array)];
          return { kind: member![0], body: member![1] as Uint8Array };
        });
      return `txn ${succeeded} [${describeResponses(inner)}]`;
    }
  }
}

function* readFields(message: Uint8Array): Generator<[number: number, value: number | Uint8Array]> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const value = varint();
    if ((tag & 7) === 2) {
      yield [tag >>> 3, message.subarray(at, at + value)];
      at += value;
    } else {
      yield [tag >>> 3, value];
    }
  }
}
