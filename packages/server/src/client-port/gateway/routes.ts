import { METHODS, type Method } from "@quorate/wire";

const ROUTES: ReadonlyMap<string, Method> = new Map(
  [...METHODS.values()].flatMap((method) => method.httpPaths.map((path): [string, Method] => [path, method])),
);

/** The method behind a path; the path has to match exactly. */
export function methodAt(path: string): Method | undefined {
  return ROUTES.get(path);
}

export function routedMethods(): readonly Method[] {
  return [...new Set(ROUTES.values())];
}
