/** Parses `name=terms(;name=terms)*`; a string says what is wrong. */
export function parsePresets(text: string): Map<string, string> | string {
  const presets = new Map<string, string>();
  for (const part of text.split(";")) {
    if (part === "") continue;
    const [name, terms, ...more] = part.split("=");
    if (terms === undefined || more.length > 0) return `bad failpoint ${JSON.stringify(part)}`;
    presets.set(name!, terms);
  }
  return presets;
}
