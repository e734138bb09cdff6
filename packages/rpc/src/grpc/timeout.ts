const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 0.001,
  n: 0.000_001,
};

/** Parses a `grpc-timeout` header (1 to 8 digits and a unit) to milliseconds; undefined when malformed. */
export function parseTimeout(text: string): number | undefined {
  if (text.length < 2 || text.length > 9) return undefined;
  const unitMs = UNIT_MS[text[text.length - 1]!];
  if (unitMs === undefined) return undefined;
  let value = 0;
  for (let i = 0; i < text.length - 1; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return undefined;
    value = value * 10 + digit;
  }
  return value * unitMs;
}

/** What Go's gRPC says of a malformed one. */
export function timeoutProblem(text: string): string {
  const quoted = JSON.stringify(text);
  if (text.length < 2) return `transport: timeout string is too short: ${quoted}`;
  if (text.length > 9) return `transport: timeout string is too long: ${quoted}`;
  if (UNIT_MS[text[text.length - 1]!] === undefined) {
    return `transport: timeout unit is not recognized: ${quoted}`;
  }
  return `strconv.ParseUint: parsing ${JSON.stringify(text.slice(0, -1))}: invalid syntax`;
}

const LARGEST_VALUE = 99_999_999;

/** Formats milliseconds in the finest unit that fits, rounded up so that the server never gives up first. */
export function formatTimeout(milliseconds: number): string {
  if (milliseconds <= 0) return "0n";
  for (const unit of ["n", "u", "m", "S", "M"]) {
    const value = Math.ceil(milliseconds / UNIT_MS[unit]!);
    if (value <= LARGEST_VALUE) return `${value}${unit}`;
  }
  return `${Math.min(LARGEST_VALUE, Math.ceil(milliseconds / UNIT_MS.H!))}H`;
}
