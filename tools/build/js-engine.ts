// The JavaScript engine, from the same source as heap.wasm. engine/exports.ts becomes tools/build/generated/js-engine.js, whose
// `createEngine(memory)` returns an object with the functions that heap.wasm exports; engine/inspect/inspector.ts becomes
// inspector.js, with `createInspector(memory)`, in the same way; report/engine/exports.ts becomes watched-engine.js, the engine of
// the report's page, over a seam that watches what is read and written.
//
// esbuild bundles the engine and removes its types. That alone would run, but compute other numbers than wasm, and slowly. So
// the bundle is parsed, and printed again with three changes:
//
//   words      Every value of the engine is a 32-bit word, but `+`, `-` and `*` of JavaScript do not wrap. The result of a sum
//              gets `| 0`, unless the operation around it wraps anyway; a product becomes Math.imul.
//   expansion  A call of a function that is one expression or statement is replaced by its body: accessors such as top(), and
//              the loads and stores of the seam (engine/memory/typed.ts). V8 inlines such calls too, but stops at a limit for
//              each function, which the allocator's long functions exceed.
//   factory    The seam and the engine become the body of one function, so that each heap has its own variables and views.
//
// For example
//
//     export function setSize(p: i32, size: i32): void { store32(p - 4, size | (header(p) & FLAGS)); }
//     function header(p: i32): i32 { return load32(p - 4); }
//
// becomes, in the factory, where words$ is the seam's Int32Array,
//
//     function setSize(p, size) { words$[(p - 4) >>> 2] = size | (words$[(p - 4) >>> 2] ?? load32Again(p - 4 | 0)) & 15; }
//
// Expansion must not change what a program computes. An argument is evaluated once and before the body: so a call stays a call
// if an argument has effects, if an argument that is not a name or a number is used more than once or not at all, or if the
// body writes something before it uses the argument. The tests in test/tools/build/js-engine.test.ts show each of these rules;
// test/engine/differential.test.ts compares the whole engine with the wasm.
//
// What expansion is worth: without it (LONGEST_BODY = 0) a pair of allocate and free on 20,000 live blocks takes 440 ns instead
// of 377 (medians of three runs on a busy machine), and js-engine.js has 12.2 KB instead of 11.8 after gzip.
//
// In reading order: buildJsEngine and makeFactory (what is made), Module (a source, sorted), Printer (the changes), and
// functions that look at a tree.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { build, type Plugin, transform } from "esbuild";
import { type ESTree, parseSync } from "rolldown/utils";

const ENGINE = "engine/exports.ts";
const INSPECTOR = "engine/inspect/inspector.ts";
const SEAM = "engine/memory/typed.ts";
const WATCHED_ENGINE = "report/engine/exports.ts";
const WATCHED_SEAM = "report/engine/watched.ts";
const OUTPUT = "tools/build/generated/";

/** The longest body, in characters of its source, that is expanded where it is called. */
const LONGEST_BODY = 120;

/** The JavaScript engine; the inspector, which reads the heaps of both engines; the engine of the report's page. */
export async function buildJsEngine(): Promise<void> {
  const seam = await transform(readFileSync(SEAM, "utf8"), { loader: "ts", target: "es2022" });
  await buildFactory(ENGINE, "createEngine", "js-engine.js", seam.code);
  await buildFactory(INSPECTOR, "createInspector", "inspector.js", seam.code);
  const { outputFiles } = await build({
    entryPoints: [WATCHED_SEAM],
    bundle: true,
    format: "esm",
    target: "es2022",
    write: false,
    logLevel: "warning",
  });
  await buildFactory(
    WATCHED_ENGINE,
    "createWatchedEngine",
    "watched-engine.js",
    outputFiles[0]!.text,
  );
}

async function buildFactory(
  entry: string,
  factory: string,
  output: string,
  seam: string,
): Promise<void> {
  const engine = await build({
    entryPoints: [entry],
    bundle: true,
    format: "esm",
    target: "es2022",
    external: ["#memory"],
    write: false,
    logLevel: "warning",
    plugins: [watchedSeam],
  });
  const made = makeFactory(factory, engine.outputFiles[0]!.text, seam);
  const { code } = await transform(made, {
    minifySyntax: true,
    target: "es2022",
    banner: `// Made by tools/build/js-engine.ts from ${entry}.`,
  });
  mkdirSync(OUTPUT, { recursive: true });
  writeFileSync(OUTPUT + output, code);
}

/** What an engine imports from the watched seam by name is in its seam. */
const watchedSeam: Plugin = {
  name: "watched-seam",
  setup({ onResolve }) {
    onResolve({ filter: /\/watched\.ts$/ }, ({ kind }) =>
      kind === "entry-point" ? undefined : { path: "#memory", external: true },
    );
  },
};

/** Returns a module with the function `factory`, whose body is the seam and the engine, both given as JavaScript. */
export function makeFactory(factory: string, engineSource: string, seamSource: string): string {
  const { constants } = new Module(seamSource);
  const seam = new Module(withoutDeadCode(seamSource, constants));
  const engine = new Module(withoutDeadCode(engineSource, seam.constants));
  // A bundled seam may have other names inside than it exports.
  for (const [local, name] of engine.imports)
    engine.imports.set(local, seam.exports.get(name) ?? name);
  for (const name of [...engine.functions.keys(), ...engine.variables.keys()]) {
    if (seam.functions.has(name)) throw new Error(`the engine and ${SEAM} both have a ${name}`);
  }
  const printer = new Printer(seam, engine);
  const exports = [...engine.exports].map(([name, local]) => `${name}: ${local}`);
  const calls = [...engine.exports.values()].map((local) => `${local}()`).join(" ");
  const rest = `${printer.print(engine, calls)}
mount(onto);
return { ${exports.join(", ")} };`;
  return `export function ${factory}(onto) {
${printer.print(seam, `${rest} ${calls}`)}
${rest}
}
`;
}

type Node = ESTree.Node;
type Expression = ESTree.Expression;
type CallExpression = ESTree.CallExpression;
type Identifier = { readonly name: string };
/** A function with a name and a body. */
type FunctionDeclaration = ESTree.Function & {
  readonly id: ESTree.BindingIdentifier;
  readonly body: ESTree.FunctionBody;
};

function parse(source: string): ESTree.Program {
  const { program, errors } = parseSync("engine.js", source, { preserveParens: false });
  if (errors.length > 0) throw new Error(`the JavaScript engine: ${errors[0]!.message}`);
  return program;
}

/**
 * A source without what the seam's constants rule out (CHECKED, PINNED, SHARED): what is left may be short enough to be
 * expanded where it is called.
 */
function withoutDeadCode(source: string, constants: ReadonlyMap<string, string>): string {
  const module = new Module(source);
  const valueOf = (test: Node): boolean | undefined => {
    if (test.type === "UnaryExpression" && test.operator === "!") {
      const value = valueOf(test.argument);
      return value === undefined ? undefined : !value;
    }
    if (test.type === "Literal" && typeof test.value === "boolean") return test.value;
    if (test.type !== "Identifier") return undefined;
    const value = constants.get(module.imports.get(test.name) ?? test.name);
    return value === undefined ? undefined : value === "(true)";
  };
  const dead: { start: number; end: number; by: string }[] = [];
  visit(parse(source), (node) => {
    if (dead.some(({ start, end }) => node.start >= start && node.end <= end)) return;
    if (node.type === "LogicalExpression") {
      const left = valueOf(node.left);
      if (left === undefined) return;
      const isDecided = left === (node.operator === "||");
      const by = isDecided ? String(left) : source.slice(node.right.start, node.right.end);
      dead.push({ ...node, by: isDecided ? by : `(${by})` });
      return;
    }
    if (node.type !== "ConditionalExpression" && node.type !== "IfStatement") return;
    const value = valueOf(node.test);
    if (value === undefined) return;
    const empty = /\belse\s*$/.test(source.slice(0, node.start)) ? ";" : "";
    const rest = value ? node.consequent : node.alternate;
    dead.push({ ...node, by: rest ? source.slice(rest.start, rest.end) : empty });
  });
  if (dead.length === 0) return source;
  let text = "";
  let at = 0;
  for (const { start, end, by } of dead) {
    text += source.slice(at, start) + by;
    at = end;
  }
  return withoutDeadCode(text + source.slice(at), constants);
}

/** A source with its top level sorted. */
class Module {
  readonly source: string;
  readonly functions = new Map<string, FunctionDeclaration>();
  /** Name → initial value. */
  readonly variables = new Map<string, string>();
  /** Name → value; what nothing assigns to. */
  readonly constants = new Map<string, string>();
  /** Exported name → local name. */
  readonly exports = new Map<string, string>();
  /** Local name → name in the seam: nothing else is imported. */
  readonly imports = new Map<string, string>();

  constructor(source: string) {
    this.source = source;
    const program = parse(source);
    const assigned = assignedIn(program);
    for (const statement of program.body) {
      const isExport = statement.type === "ExportNamedDeclaration";
      const declared = isExport ? statement.declaration : statement;
      if (declared?.type === "FunctionDeclaration") {
        this.functions.set(declared.id!.name, declared as FunctionDeclaration);
      }
      if (declared?.type === "VariableDeclaration") {
        for (const { id, init } of declared.declarations) {
          const { name } = id as Identifier;
          const kind = assigned.has(name) ? this.variables : this.constants;
          kind.set(name, init ? `(${source.slice(init.start, init.end)})` : "undefined");
        }
      }
      if (statement.type === "ImportDeclaration") {
        for (const { imported, local } of statement.specifiers as ESTree.ImportSpecifier[]) {
          this.imports.set(local.name, (imported as Identifier).name);
        }
      }
      if (isExport) {
        for (const { exported, local } of statement.specifiers) {
          this.exports.set((exported as Identifier).name, (local as Identifier).name);
        }
      }
    }
  }
}

/** Where an expression stands: what its value is used for. */
type Use =
  /** As a word: it must be in the range of one. */
  | "word"
  /** By an operation that wraps it to 32 bits itself. */
  | "wrapped"
  /** Not at all, or as truth, or in the seam's own slow functions: as it is written. */
  | "any";

/** What stands for a parameter's name while a body is expanded. */
interface Argument {
  readonly text: (use: Use) => string;
  /** A name or a number: nothing happens when it is evaluated, however often. */
  readonly plain: boolean;
  /** The name, if it is one. */
  readonly name: string | undefined;
  /** Evaluating it may change what others read. */
  readonly effects: boolean;
}

/** Where a node's text is going to stand. */
interface Scope {
  readonly module: Module;
  /** Names that the function declares in which it stands. */
  readonly declared: ReadonlySet<string>;
  /** Whether that function is the engine's, whose arithmetic is on words. */
  readonly words: boolean;
  /** For the parameters, where the node is the body of an expanded function. */
  readonly arguments: ReadonlyMap<string, Argument>;
}

/** Prints the functions of both modules, changed on the way. */
class Printer {
  readonly #seam: Module;
  readonly #engine: Module;
  /** What functions write, themselves or by those they call: variables, and MEMORY. */
  readonly #effects: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(seam: Module, engine: Module) {
    this.#seam = seam;
    this.#engine = engine;
    this.#effects = this.#findEffects();
  }

  /**
   * The functions of a module that a text calls, directly or not, and the variables that they use. Constants and imports are
   * where they are used.
   */
  print(module: Module, caller: string): string {
    const functions = new Map(
      [...module.functions].map(([name, each]) => [name, this.#function(module, each)]),
    );
    const called = new Set<string>();
    const texts = [caller];
    for (const text of texts) {
      for (const [, name] of text.matchAll(/\b(\w+)\(/g)) {
        if (called.has(name!) || !functions.has(name!)) continue;
        called.add(name!);
        texts.push(functions.get(name!)!);
      }
    }
    const used = [...functions].filter(([name]) => called.has(name)).map(([, text]) => text);
    const names = new Set(`${caller}\n${used.join("\n")}`.match(/[\w$]+/g));
    const variables = [...module.variables]
      .map(([name, initial]) => [this.#nameOf(module, name), this.#valueOf(module, initial)])
      .filter(([name]) => names.has(name!))
      .map(([name, initial]) => `let ${name} = ${initial};\n`);
    return variables.join("") + used.join("\n");
  }

  #function(module: Module, declaration: FunctionDeclaration): string {
    const { name } = declaration.id;
    const parameters = parametersOf(declaration);
    const declared = declaredNames(declaration);
    for (const each of declared) {
      if (module.constants.has(each) || module.variables.has(each))
        throw new Error(`${name}: ${each} is hidden by a local`);
    }
    const words = module === this.#engine;
    const body = this.#text(
      declaration.body,
      { module, declared, words, arguments: new Map() },
      "any",
    );
    const isDoor = [...module.exports.values()].includes(name);
    const wraps = words && isDoor ? parameters.map((each) => `${each} |= 0;`).join(" ") : "";
    return `function ${name}(${parameters.join(", ")}) {${wraps}${body.slice(1)}`;
  }

  #findEffects(): Map<string, Set<string>> {
    const effects = new Map<string, Set<string>>();
    const calls = new Map<string, string[]>();
    for (const module of [this.#seam, this.#engine]) {
      for (const [name, declaration] of module.functions) {
        effects.set(name, writtenIn(declaration));
        calls.set(
          name,
          callsIn(declaration).map((called) => module.imports.get(called) ?? called),
        );
      }
    }
    const size = (): number => [...effects.values()].reduce((sum, each) => sum + each.size, 0);
    for (let before = -1; before !== size();) {
      before = size();
      for (const [name, called] of calls) {
        const all = called.flatMap((each) => [...(effects.get(each) ?? [])]);
        for (const written of all) effects.get(name)!.add(written);
      }
    }
    return effects;
  }

  // Text ----------------------------------------------------------------------------------------------------------------

  #text(node: Node, scope: Scope, use: Use): string {
    switch (node.type) {
      case "Identifier":
        return scope.arguments.get(node.name)?.text(use) ?? this.#nameOf(scope.module, node.name);
      case "MemberExpression":
        if (node.computed) return this.#asWritten(node, scope, () => "word");
        return `${this.#text(node.object, scope, "any")}.${(node.property as Identifier).name}`;
      case "CallExpression": {
        const wraps = isMath(node);
        return (
          this.#expandedCall(node, scope, use) ??
          this.#asWritten(node, scope, () => (wraps ? "wrapped" : "word"))
        );
      }
      case "ExpressionStatement":
        return (
          this.#expandedStatement(node.expression, scope) ??
          this.#asWritten(node, scope, () => "any")
        );
      case "BinaryExpression":
        return this.#binary(node as ESTree.BinaryExpression, scope, use);
      case "AssignmentExpression":
        return this.#assignment(node, scope);
      case "UnaryExpression": {
        const text = this.#asWritten(node, scope, () =>
          node.operator === "!" ? "any" : "wrapped",
        );
        const wraps =
          scope.words &&
          use === "word" &&
          node.operator === "-" &&
          node.argument.type !== "Literal";
        return wraps ? `(${text} | 0)` : text;
      }
      case "ConditionalExpression":
        return this.#asWritten(node, scope, (child) => (child === node.test ? "any" : use));
      case "LogicalExpression":
        return this.#asWritten(node, scope, () => use);
      default:
        return this.#asWritten(node, scope, () => "word");
    }
  }

  /** The source of a node with the texts of its children in it. */
  #asWritten(node: Node, scope: Scope, useOf: (child: Node) => Use): string {
    const { source } = scope.module;
    let text = "";
    let at = node.start;
    for (const child of childrenOf(node)) {
      text += source.slice(at, child.start) + this.#text(child, scope, useOf(child));
      at = child.end;
    }
    return text + source.slice(at, node.end);
  }

  /** A name as it is in the factory, where the engine's locals must not hide the seam's variables; a constant's value. */
  #nameOf(module: Module, name: string): string {
    if (module === this.#seam && module.variables.has(name)) return `${name}$`;
    const imported = module.imports.get(name);
    if (imported !== undefined) return this.#seam.constants.get(imported) ?? imported;
    const value = module.constants.get(name);
    return value === undefined ? name : this.#valueOf(module, value);
  }

  /** The text of a value, with those of the constants that it is made of. */
  #valueOf(module: Module, text: string): string {
    return text.replace(/\b[A-Z][A-Z\d_]+\b/g, (name) => this.#nameOf(module, name));
  }

  #binary(node: ESTree.BinaryExpression, scope: Scope, use: Use): string {
    const { operator, right } = node;
    const left = node.left as Expression;
    const ofWords = scope.words && scope.module === this.#engine;
    if (ofWords && WRAPPING.has(operator))
      return this.#arithmetic(operator, left, right, scope, use);
    const wraps = ["|", "&", "^", "<<", ">>", ">>>"].includes(operator);
    const text = this.#asWritten(node, scope, () => (wraps ? "wrapped" : "word"));
    // Shifted by 0 it would be out of a word's range.
    const isUnsigned = ofWords && use === "word" && operator === ">>>" && right.type !== "Literal";
    return isUnsigned ? `(${text} | 0)` : text;
  }

  #arithmetic(
    operator: string,
    left: Expression,
    right: Expression,
    scope: Scope,
    use: Use,
  ): string {
    const [a, b] = [left, right].map((each) => `(${this.#text(each, scope, "wrapped")})`);
    if (operator === "*") {
      const [x, y] = [a, b].map((each) => (isConstant(each!) ? constantIn(each!) : undefined));
      if (x === undefined || y === undefined) return `Math.imul(${a}, ${b})`;
      return `(${Math.imul(x, y)})`;
    }
    // Sums of words are exact, so one wrap of the whole is enough.
    return use === "wrapped" ? `(${a} ${operator} ${b})` : `(${a} ${operator} ${b} | 0)`;
  }

  #assignment({ left, operator, right }: ESTree.AssignmentExpression, scope: Scope): string {
    const target = this.#text(left as Node, scope, "any");
    const arithmetic = operator.slice(0, -1);
    if (scope.words && WRAPPING.has(arithmetic)) {
      return `${target} = ${this.#arithmetic(arithmetic, left as Expression, right, scope, "word")}`;
    }
    const wraps = operator !== "=" || left.type === "MemberExpression";
    return `${target} ${operator} ${this.#text(right, scope, wraps ? "wrapped" : "word")}`;
  }

  // Expanding -----------------------------------------------------------------------------------------------------------

  /** A call of a function that is one expression; undefined where it must stay a call. */
  #expandedCall(call: CallExpression, scope: Scope, use: Use): string | undefined {
    const target = this.#targetOf(call, scope);
    if (target?.body.type !== "ReturnStatement" || !target.body.argument) return undefined;
    const text = this.#expanded(call, target, target.body.argument, scope, use);
    return text === undefined ? undefined : `(${text})`;
  }

  /** The same for a call that is a statement, of a function that is one. */
  #expandedStatement(call: Expression, scope: Scope): string | undefined {
    if (call.type !== "CallExpression") return undefined;
    const target = this.#targetOf(call, scope);
    if (target?.body.type !== "ExpressionStatement" && target?.body.type !== "IfStatement")
      return undefined;
    const text = this.#expanded(call, target, target.body, scope, "any");
    return text === undefined ? undefined : `{ ${text} }`;
  }

  /** The function that is called, if it has only one statement. */
  #targetOf(call: CallExpression, scope: Scope): Target | undefined {
    if (call.callee.type !== "Identifier") return undefined;
    const { name } = call.callee;
    const imported = scope.module.imports.get(name);
    const module = imported === undefined ? scope.module : this.#seam;
    const declaration = module.functions.get(imported ?? name);
    const [body, ...others] = declaration?.body.body ?? [];
    if (declaration === undefined || body === undefined || others.length > 0) return undefined;
    if (body.end - body.start > LONGEST_BODY) return undefined;
    return { module, parameters: parametersOf(declaration), body };
  }

  #expanded(
    call: CallExpression,
    target: Target,
    body: Node,
    scope: Scope,
    use: Use,
  ): string | undefined {
    const { module, parameters } = target;
    const names = namesIn(body);
    const isHidden = (name: string): boolean =>
      !parameters.includes(name) && scope.declared.has(this.#nameOf(module, name));
    if (names.some(isHidden)) return undefined;
    const assigned = assignedIn(body);
    const written = this.#writtenBeforeItsEnd(body, module);
    const inner = new Map<string, Argument>();
    for (const [i, name] of parameters.entries()) {
      const argument = this.#argument(call.arguments[i] as Expression, scope);
      const times = names.filter((each) => each === name).length;
      if (assigned.has(name) || (times !== 1 && !argument.plain)) return undefined;
      // An argument is evaluated before the body, which shows where the one changes what the other reads.
      if (argument.effects) return undefined;
      if (written.size > 0 && (!argument.plain || written.has(argument.name ?? "")))
        return undefined;
      inner.set(name, argument);
    }
    return this.#text(body, { ...scope, module, arguments: inner }, use);
  }

  #argument(node: Expression, scope: Scope): Argument {
    const given = node.type === "Identifier" ? scope.arguments.get(node.name) : undefined;
    if (given !== undefined) return given;
    const plain = node.type === "Identifier" || node.type === "Literal";
    const text = (use: Use): string => {
      const written = this.#text(node, scope, use === "wrapped" ? "wrapped" : "word");
      return plain ? written : `(${written})`;
    };
    const effects =
      this.#writtenBy(node, scope.module).size > 0 ||
      namesIn(node).some((name) => scope.arguments.get(name)?.effects);
    return { text, plain, name: node.type === "Identifier" ? node.name : undefined, effects };
  }

  /** A call that is the whole body is made when all else is done. */
  #writtenBeforeItsEnd(body: Node, module: Module): Set<string> {
    const whole = body.type === "ExpressionStatement" ? body.expression : body;
    const parts = whole.type === "CallExpression" ? whole.arguments : [whole];
    return new Set(parts.flatMap((part) => [...this.#writtenBy(part, module)]));
  }

  /** What the calls in a node write. */
  #writtenBy(node: Node, module: Module): Set<string> {
    const called = callsIn(node).map((name) => module.imports.get(name) ?? name);
    return new Set(called.flatMap((name) => [...(this.#effects.get(name) ?? [])]));
  }
}

/** Whether a text is a calculation with numbers only. */
const isConstant = (text: string): boolean => /^[\d()+*|\s-]+$/.test(text);

/** The value of such a text. */
const constantIn = (text: string): number => new Function(`return ${text};`)() as number;

/** Stands for the memory among the names of variables. */
const MEMORY = "the memory";

/** Operators whose result may need wrapping. */
const WRAPPING: ReadonlySet<string> = new Set(["+", "-", "*"]);

/** A function that can be expanded. */
interface Target {
  readonly module: Module;
  readonly parameters: readonly string[];
  readonly body: Node;
}

// Looking at a tree -------------------------------------------------------------------------------------------------------

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter((each): each is Node => typeof each?.type === "string" && each !== node)
    .sort((a, b) => a.start - b.start);
}

function visit(node: Node, see: (node: Node) => void): void {
  see(node);
  for (const child of childrenOf(node)) visit(child, see);
}

/** Names in a node, those of properties left out, each as often as it stands there. */
function namesIn(node: Node): string[] {
  if (node.type === "Identifier") return [node.name];
  if (node.type === "MemberExpression" && !node.computed) return namesIn(node.object);
  return childrenOf(node).flatMap(namesIn);
}

/** Functions called by name in a node. */
function callsIn(node: Node): string[] {
  const names: string[] = [];
  visit(node, (each) => {
    if (each.type === "CallExpression" && each.callee.type === "Identifier")
      names.push(each.callee.name);
  });
  return names;
}

/** Names that are assigned to in a node. */
function assignedIn(node: Node): Set<string> {
  const names = new Set<string>();
  visit(node, (each) => {
    if (each.type === "AssignmentExpression" && each.left.type === "Identifier")
      names.add(each.left.name);
    if (each.type === "UpdateExpression" && each.argument.type === "Identifier")
      names.add(each.argument.name);
  });
  return names;
}

/** What a function writes itself that is not its own: variables; MEMORY by assigning, or by a method of something. */
function writtenIn(declaration: FunctionDeclaration): Set<string> {
  const locals = declaredNames(declaration);
  const names = new Set([...assignedIn(declaration.body)].filter((name) => !locals.has(name)));
  visit(declaration.body, (each) => {
    const stores = each.type === "AssignmentExpression" && each.left.type === "MemberExpression";
    const acts = each.type === "CallExpression" && each.callee.type === "MemberExpression";
    if (stores || (acts && !isMath(each))) names.add(MEMORY);
  });
  return names;
}

function isMath({ callee }: CallExpression): boolean {
  return (
    callee.type === "MemberExpression" &&
    callee.object.type === "Identifier" &&
    callee.object.name === "Math"
  );
}

function parametersOf(declaration: FunctionDeclaration): string[] {
  return declaration.params.map((each) => (each as Identifier).name);
}

/** Parameters and variables of a function. */
function declaredNames(declaration: FunctionDeclaration): Set<string> {
  const names = new Set(parametersOf(declaration));
  visit(declaration.body, (each) => {
    if (each.type === "VariableDeclarator") names.add((each.id as Identifier).name);
  });
  return names;
}
