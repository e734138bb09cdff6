import { parseAst } from "rolldown/parseAst";

/** A loop that may be as long as what it goes through. */
export interface UnslicedLoop {
  /** The function that it is in, the outermost one of nested ones; of a method with its class: `Class.method`. */
  readonly where: string;
  /** From 1. */
  readonly line: number;
}

/** Where in the file a node is. */
interface Place {
  readonly className: string;
  readonly functionName: string;
  readonly isInGenerator: boolean;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

const LOOPS = new Set([
  "DoWhileStatement",
  "ForInStatement",
  "ForOfStatement",
  "ForStatement",
  "WhileStatement",
]);
const FUNCTIONS = new Set(["ArrowFunctionExpression", "FunctionDeclaration", "FunctionExpression"]);
/** A method that goes through all items of what it is called on, with a function for each. */
const LOOPING_CALL =
  /\.(every|filter|find|findIndex|findLast|findLastIndex|flatMap|forEach|map|reduce|reduceRight|some|sort|toSorted)$/;
/** The same, whatever it is called with: nothing of ours has these names. */
const ALWAYS_LOOPING_CALL =
  /(\.(concat|filter|flat|flatMap|forEach|join|reduce|reverse|some|sort|toReversed|toSorted|toSpliced)|^Array\.(from|fromAsync)|^Buffer\.concat|^JSON\.(parse|stringify)|^Object\.(entries|fromEntries|groupBy|keys|values)|^Map\.groupBy|^structuredClone)$/;
/** Of a path in the file system `join` makes another one. */
const NO_LOOPING_CALL = /^path\.(posix\.)?join$/;
/** Made of all items of what it is given. */
const LOOPING_CONSTRUCTOR = /^(Map|Set)$/;
/** What a call fails with: two arguments. */
const CODE_AND_TEXT = /^FAILURES\.|\.status$/;
/** Whoever calls this counts what it does, and lets the loop go on in another turn: see `Slices`. */
const ASKS_THE_SLICER = /\.(spend|spendInTurn)\(/;

/** The loops of a source file that are neither steps (in a generator) nor ask the slicer themselves. */
export function findUnslicedLoops(text: string): UnslicedLoop[] {
  const found: UnslicedLoop[] = [];
  const visit = (node: Node, place: Place): void => {
    if (isLoop(node, text) && !place.isInGenerator && !ASKS_THE_SLICER.test(textOf(node, text))) {
      const name = place.functionName || "(module)";
      const where = place.className === "" ? name : `${place.className}.${name}`;
      found.push({ where, line: text.slice(0, node.start).split("\n").length });
    }
    const inside = placeIn(node, place);
    for (const child of childrenOf(node)) visit(child, inside);
  };
  visit(parseAst(text, { lang: "ts" }) as unknown as Node, {
    className: "",
    functionName: "",
    isInGenerator: false,
  });
  return found.sort((a, b) => a.line - b.line);
}

function isLoop(node: Node, text: string): boolean {
  const spreads = (item: Node | null): boolean => isSpread(item, text);
  if (LOOPS.has(node.type)) return true;
  // `[...items]` and `f(...items)`; what an object is spread from has the fields that its author gave it.
  if (node.type === "ArrayExpression") return (node.elements as readonly (Node | null)[]).some(spreads);
  if (node.type === "NewExpression") {
    const args = node.arguments as readonly Node[];
    if (args.some(spreads)) return true;
    if (args[0] === undefined || args[0].type === "ArrayExpression") return false;
    return LOOPING_CONSTRUCTOR.test(textOf(node.callee as Node, text));
  }
  if (node.type !== "CallExpression") return false;
  if ((node.arguments as readonly Node[]).some(spreads)) return true;
  const callee = textOf(node.callee as Node, text);
  if (ALWAYS_LOOPING_CALL.test(callee)) return !NO_LOOPING_CALL.test(callee);
  if (!LOOPING_CALL.test(callee)) return false;
  // Only with a function: a heap's own `find(id)` is no loop.
  return (node.arguments as readonly Node[]).some(({ type }) => FUNCTIONS.has(type));
}

function isSpread(node: Node | null, text: string): boolean {
  return node?.type === "SpreadElement" && !CODE_AND_TEXT.test(textOf(node.argument as Node, text));
}

function placeIn(node: Node, place: Place): Place {
  const name = (node.id ?? node.key) as Node | null | undefined;
  if (node.type === "ClassDeclaration") return { ...place, className: `${name?.name}` };
  if (node.type === "MethodDefinition" || node.type === "PropertyDefinition") {
    const sign = name?.type === "PrivateIdentifier" ? "#" : "";
    return { ...place, functionName: place.functionName || `${sign}${name?.name}` };
  }
  if (!FUNCTIONS.has(node.type)) return place;
  const functionName = place.functionName || `${name?.name ?? ""}`;
  return { ...place, functionName, isInGenerator: node.generator === true };
}

function childrenOf(node: Node): Node[] {
  return Object.values(node).flat().filter(isNode);
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value && "start" in value;
}

function textOf(node: Node, text: string): string {
  return text.slice(node.start, node.end);
}
