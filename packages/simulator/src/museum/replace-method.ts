/** How the texts of what is thrown here read. */
export const CANNOT_BE_PLANTED = /\w has no (method|getter) /;

/**
 * Replaces a method of one part of one member; `make` gets the old one, bound to the part. The method may be private to
 * TypeScript. Throws when there is none of this name, so that no exhibit outlives what it alters.
 */
export function replaceMethod<Method extends (...parameters: never[]) => unknown>(
  part: object,
  name: string,
  make: (original: Method) => Method,
): void {
  const original: unknown = Reflect.get(part, name);
  if (typeof original !== "function") throw new Error(`${part.constructor.name} has no method ${name}`);
  Object.defineProperty(part, name, {
    value: make(original.bind(part) as Method),
    configurable: true,
    writable: true,
  });
}

/** As `replaceMethod`, for a getter. */
export function replaceGetter<Value>(
  part: object,
  name: string,
  make: (original: () => Value) => () => Value,
): void {
  const found = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(part), name)?.get;
  if (found === undefined) throw new Error(`${part.constructor.name} has no getter ${name}`);
  Object.defineProperty(part, name, { get: make(found.bind(part) as () => Value), configurable: true });
}
