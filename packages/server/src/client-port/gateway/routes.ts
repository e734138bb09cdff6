import { METHODS, type Method, OWN_METHODS } from "@quorate/wire";

const ROUTES = routesOf(METHODS);
const OWN_ROUTES = routesOf(OWN_METHODS);

function routesOf(methods: ReadonlyMap<string, Method>): ReadonlyMap<string, Method> {
  return new Map(
    [...methods.values()].flatMap((method) =>
      method.httpPaths.map((path): [string, Method] => [path, method]),
    ),
  );
}

/**
 * The method behind a path, which has to match exactly; one that etcd does not have only if `serves` it: else its path is as
 * any that nothing is at.
 */
export function methodAt(path: string, serves: (method: string) => boolean): Method | undefined {
  const own = OWN_ROUTES.get(path);
  return own !== undefined && serves(own.path) ? own : ROUTES.get(path);
}

/** All that have a path, those that etcd does not have as far as `serves` has them. */
export function methodsServed(serves: (method: string) => boolean): readonly Method[] {
  return [...new Set([...ROUTES.values(), ...OWN_ROUTES.values()])].filter(
    (method) => ROUTES.has(method.httpPaths[0]!) || serves(method.path),
  );
}

export function routedMethods(): readonly Method[] {
  return [...new Set(ROUTES.values())];
}
