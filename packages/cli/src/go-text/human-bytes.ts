const UNITS = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];

/** A size in units of a thousand, with two digits at least: `999 B`, `1.0 kB`, `17 MB`. */
export function humanBytes(bytes: bigint): string {
  if (bytes < 10n) return `${bytes} B`;
  const size = Number(bytes);
  const exponent = Math.floor(Math.log(size) / Math.log(1000));
  const value = Math.floor((size / 1000 ** exponent) * 10 + 0.5) / 10;
  return `${value < 10 ? value.toFixed(1) : halfToEven(value)} ${UNITS[exponent]}`;
}

/** As Go rounds where it prints. */
function halfToEven(value: number): number {
  const whole = Math.floor(value);
  return value - whole === 0.5 ? whole + (whole % 2) : Math.round(value);
}
