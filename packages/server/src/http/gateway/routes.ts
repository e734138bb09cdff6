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

/** The path of a target, without its query. */
export function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}

/** Paths of the beta are those of the release. */
export function withoutBeta(target: string): string {
  return target.startsWith("/v3beta/") ? `/v3/${target.slice("/v3beta/".length)}` : target;
}

/** `path` without doubled slashes and dot segments, a final slash kept. */
export function cleanPath(path: string): string {
  if (!path.includes("//") && !path.includes("/.")) return path;
  const kept: string[] = [];
  for (const segment of path.split("/")) {
    if (segment === "..") kept.pop();
    else if (segment !== "" && segment !== ".") kept.push(segment);
  }
  const cleaned = `/${kept.join("/")}`;
  return path.endsWith("/") && cleaned !== "/" ? `${cleaned}/` : cleaned;
}
