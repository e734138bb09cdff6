import { parseAst } from "rolldown/parseAst";

/** A string, or a part of a template between two expressions. */
export interface Text {
  readonly text: string;
  /** From 1. */
  readonly line: number;
  /** The source of what is called with it, or made: of the innermost call. Empty when it is no argument. */
  readonly argumentOf: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

const CALLS = new Set(["CallExpression", "NewExpression"]);

/** All texts in a source file. */
export function findTexts(source: string): Text[] {
  const found: Text[] = [];
  const visit = (node: Node, argumentOf: string): void => {
    const text = textOf(node);
    if (text !== undefined) {
      found.push({ text, argumentOf, line: source.slice(0, node.start).split("\n").length });
    }
    if (CALLS.has(node.type)) {
      const callee = node.callee as Node;
      visit(callee, argumentOf);
      for (const each of node.arguments as Node[]) visit(each, source.slice(callee.start, callee.end));
      return;
    }
    // What a function does in an argument is its own affair.
    const inside = node.type.endsWith("FunctionExpression") ? "" : argumentOf;
    for (const child of childrenOf(node)) visit(child, inside);
  };
  visit(parseAst(source, { lang: "ts" }) as unknown as Node, "");
  return found;
}

function textOf(node: Node): string | undefined {
  if (node.type === "Literal" && typeof node.value === "string") return node.value;
  if (node.type !== "TemplateElement") return undefined;
  return (node.value as { cooked?: string }).cooked ?? "";
}

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter((value): value is Node => typeof (value as Node | null)?.type === "string");
}
