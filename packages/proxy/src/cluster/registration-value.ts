export interface RegisteredProxy {
  readonly name: string;
  readonly url: string;
}

/** What a proxy puts where it registers, in the layout of Go's client. */
export function writeRegistration({ name, url }: RegisteredProxy): string {
  return JSON.stringify({ Op: 0, Addr: url, Metadata: JSON.stringify({ name }) });
}

/** undefined when it is none. */
export function readRegistration(text: string): RegisteredProxy | undefined {
  try {
    const { Addr: url, Metadata: metadata } = JSON.parse(text) as Record<string, unknown>;
    const { name } = JSON.parse(String(metadata)) as Record<string, unknown>;
    return typeof url === "string" ? { name: typeof name === "string" ? name : "", url } : undefined;
  } catch {
    return undefined;
  }
}
