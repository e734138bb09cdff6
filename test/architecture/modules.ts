import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseAst } from "rolldown/parseAst";

export const ROOT = path.resolve(import.meta.dirname, "../..");

/** How one source file refers to another one of ours. */
export interface Reference {
  /** From the root of the repository; undefined when it is no file of ours. */
  readonly target: string | undefined;
  /** As it is written. */
  readonly specifier: string;
  /** What is taken of it; `*` is all of it, and nothing when it is only run. */
  readonly names: readonly string[];
  /** `static`: when the file is loaded, types included; `later`: an `import()`, or a file that is named, as for a worker. */
  readonly kind: "static" | "later";
}

export interface Module {
  /** From the root of the repository. */
  readonly file: string;
  readonly references: readonly Reference[];
  /** Names of what it declares and exports itself. */
  readonly exports: ReadonlyMap<string, "value" | "type">;
  /** Names that it hands on from others, and by which name those have them. */
  readonly handedOn: ReadonlyMap<string, { readonly target: string | undefined; readonly name: string }>;
  /** Names of its exports that it uses itself. */
  readonly usedInside: ReadonlySet<string>;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly [field: string]: unknown;
}

const TYPES = new Set(["TSInterfaceDeclaration", "TSTypeAliasDeclaration"]);

/** The source files below a folder of the repository. */
export function sourcesIn(folder: string): string[] {
  return readdirSync(path.join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter(
      (entry) => entry.isFile() && entry.name.endsWith(".ts") && !entry.parentPath.includes("node_modules"),
    )
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** Whether a file runs in production: neither tests nor what only tests use. */
export function isProduct(file: string): boolean {
  return (
    /^packages\/[^/]+\/src\//.test(file) && !/\.(test|suite)\.ts$|[/.]testing\.ts$|\/testing\//.test(file)
  );
}

const packageNames = readdirSync(path.join(ROOT, "packages")).sort();

/** The files that a package offers to others, by what these import. */
export function entriesOf(name: string): ReadonlyMap<string, string> {
  const text = readFileSync(path.join(ROOT, "packages", name, "package.json"), "utf8");
  const { exports } = JSON.parse(text) as { exports: Record<string, string> };
  return new Map(
    Object.entries(exports).map(([key, file]) => [
      path.posix.join(`@quorate/${name}`, key),
      path.posix.join("packages", name, file),
    ]),
  );
}

const entries = new Map(packageNames.flatMap((name) => [...entriesOf(name)]));

export function readModule(file: string): Module {
  return parseModule(file, readFileSync(path.join(ROOT, file), "utf8"));
}

export function parseModule(file: string, text: string): Module {
  const references: Reference[] = [];
  const exports = new Map<string, "value" | "type">();
  const handedOn = new Map<string, { target: string | undefined; name: string }>();
  const identifiers = new Map<string, number>();
  const refer = (source: unknown, names: readonly string[], kind: Reference["kind"]) => {
    const specifier = (source as Node).value as string;
    const target = targetOf(file, specifier);
    references.push({ target, specifier, names, kind });
    return target;
  };
  const visit = (node: Node): void => {
    switch (node.type) {
      case "ImportDeclaration": {
        const specifiers = node.specifiers as Node[];
        refer(node.source, specifiers.map(importedName), "static");
        return;
      }
      case "ExportAllDeclaration":
        refer(node.source, ["*"], "static");
        return;
      case "ExportNamedDeclaration": {
        const specifiers = node.specifiers as Node[];
        const target = node.source
          ? refer(
              node.source,
              specifiers.map((s) => nameOf(s.local)),
              "static",
            )
          : undefined;
        for (const { local, exported } of specifiers) {
          if (node.source) handedOn.set(nameOf(exported), { target, name: nameOf(local) });
          else exports.set(nameOf(exported), node.exportKind === "type" ? "type" : "value");
        }
        const declaration = node.declaration as Node | null;
        if (declaration === null) break;
        const kind = TYPES.has(declaration.type) ? "type" : "value";
        for (const name of declaredNames(declaration)) exports.set(name, kind);
        break;
      }
      case "ImportExpression":
      case "TSImportType": {
        const source = node.source as Node;
        if (source.type === "Literal")
          refer(source, ["*"], node.type === "ImportExpression" ? "later" : "static");
        break;
      }
      case "Literal":
        if (typeof node.value === "string" && /^[\w./-]+\.ts$/.test(node.value)) {
          const specifier = node.value.startsWith(".") ? node.value : `./${node.value}`;
          references.push({ target: targetOf(file, specifier), specifier, names: [], kind: "later" });
        }
        break;
      case "Identifier": {
        const name = node.name as string;
        identifiers.set(name, (identifiers.get(name) ?? 0) + 1);
        break;
      }
    }
    for (const child of childrenOf(node)) visit(child);
  };
  visit(parseAst(text, { lang: "ts" }) as unknown as Node);
  const usedInside = new Set([...exports.keys()].filter((name) => (identifiers.get(name) ?? 0) > 1));
  return { file, references, exports, handedOn, usedInside };
}

function targetOf(file: string, specifier: string): string | undefined {
  return specifier.startsWith(".")
    ? path.posix.join(path.posix.dirname(file), specifier)
    : entries.get(specifier);
}

function importedName(specifier: Node): string {
  if (specifier.type === "ImportNamespaceSpecifier") return "*";
  return specifier.type === "ImportDefaultSpecifier" ? "default" : nameOf(specifier.imported);
}

function nameOf(node: unknown): string {
  const { name, value } = node as { name?: string; value?: string };
  return (name ?? value)!;
}

function declaredNames(declaration: Node): string[] {
  if (declaration.type !== "VariableDeclaration") return [nameOf(declaration.id)];
  return (declaration.declarations as Node[]).flatMap(({ id }) => namesIn(id as Node));
}

/** What a variable's declaration names, destructured or not. */
function namesIn(pattern: Node): string[] {
  if (pattern.type === "Identifier") return [nameOf(pattern)];
  return childrenOf(pattern).flatMap((child) =>
    child.type === "Property" ? namesIn(child.value as Node) : namesIn(child),
  );
}

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flatMap((value) => (Array.isArray(value) ? value : [value]))
    .filter((value): value is Node => typeof (value as Node | null)?.type === "string");
}
