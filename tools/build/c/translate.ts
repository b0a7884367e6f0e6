// Engine TypeScript → C, with its comments, its names and its order. It knows the subset that the engine is written in, and
// refuses anything else with file and line. Three things are done on the way:
//
//   words     everything is unsigned, so that sums wrap and nothing is undefined: `below(a, b)` becomes `a < b`, and a signed
//             comparison casts its operands
//   state     a module's variables become members of the heap that `hw` leads to; each function that needs it has `hw` as its first
//             parameter, `const` if it changes nothing
//   folding   code that the seam's constants rule out (CHECKED, PINNED) is left out, and so is what nothing calls

import { parseSync } from "rolldown/utils";
import { type Doc, join, LINE, print, SOFT } from "./print.ts";

/** What to translate, and into what. */
export interface Settings {
  /** The engine's files; each imports only from those before it. */
  readonly files: readonly File[];
  /** The seam in C, whose functions are named `hw_` and the name in "#memory". */
  readonly seam: string;
  /** The seam's constants. */
  readonly constants: Readonly<Record<string, boolean>>;
  /** Variables that never change, and their values; assignments to them are left out. */
  readonly fixed: Readonly<Record<string, number>>;
  /** The C names of the engine's functions that are called from outside. */
  readonly roots: ReadonlySet<string>;
  /** C names that are taken: a function of that name gets an underscore behind it. */
  readonly taken: ReadonlySet<string>;
  /** C constants that exist already, with their values. */
  readonly known: ReadonlyMap<string, number>;
  /** Functions that stay out of line, and those that are copied into their callers. */
  readonly cold: readonly string[];
  readonly hot: readonly string[];
}

export interface File {
  readonly name: string;
  readonly text: string;
}

export interface Translation {
  /** Members of `struct hw_heap`, for the variables. */
  readonly members: string;
  readonly code: string;
}

export function translate(settings: Settings): Translation {
  return new Translator(settings).translate();
}

type Program = ReturnType<typeof parseSync>["program"];
type Statement = Program["body"][number];
type Kind<Of, Name extends string> = Extract<Of, { type: Name }>;
type Expression = NonNullable<Kind<Statement, "ReturnStatement">["argument"]>;
type FunctionNode = Extract<Statement, { params: unknown }>;
type Variables = Kind<Statement, "VariableDeclaration">;
type Comment = ReturnType<typeof parseSync>["comments"][number];
type Node = { type: string; start: number; end: number };
/** A statement, and where its comments are if not before it. */
type Placed = Statement & { readonly comments?: number };

/** What a module's name stands for. */
type Meaning =
  | { readonly is: "function"; readonly function: Func }
  | { readonly is: "constant"; readonly constant: Constant }
  | { readonly is: "variable"; readonly name: string }
  | { readonly is: "seam"; readonly seam: SeamFunction }
  | { readonly is: "switch"; readonly value: boolean }
  /** Of a file that is left out, or a seam function that C lacks: only code that the constants rule out may use it. */
  | { readonly is: "absent"; readonly why: string };

/** How a function uses the heap. */
type Heap = "none" | "reads" | "writes";

interface SeamFunction {
  readonly name: string;
  readonly heap: Heap;
}

/** A parsed file with the names in it. */
interface Module {
  readonly file: File;
  readonly program: Program;
  readonly comments: readonly Comment[];
  readonly names: Map<string, Meaning>;
}

interface Constant {
  readonly module: Module;
  readonly name: string;
  readonly value: Expression;
}

interface Func {
  readonly module: Module;
  readonly name: string;
  readonly c: string;
  readonly node: FunctionNode;
  /** Names that the function declares. */
  readonly locals: ReadonlySet<string>;
  /** The statements, folded; undefined while they are being folded. */
  body?: readonly Placed[] | undefined;
}

/** Operators from the loosest to the tightest; C has the same order. */
const LEVELS = [
  ["||"],
  ["&&"],
  ["|"],
  ["^"],
  ["&"],
  ["==", "!="],
  ["<", ">", "<=", ">="],
  ["<<", ">>"],
  ["+", "-"],
  ["*", "/", "%"],
];
const PRECEDENCE = new Map(LEVELS.flatMap((each, i) => each.map((operator) => [operator, i + 2])));
const COMPARISON = PRECEDENCE.get("<")!;
const UNARY = LEVELS.length + 2;
const PRIMARY = UNARY + 1;
const CONDITIONAL = 1;
const ASSIGNMENT = 0;

const TYPES: Readonly<Record<string, string>> = { i32: "u32", bool: "bool", void: "void" };
const KEYWORDS = new Set(
  "auto char double extern float goto inline int long register restrict short signed sizeof static struct typedef union unsigned volatile bool true false hw".split(
    " ",
  ),
);
const WIDTH = 120;

/** A word as the engine has it: 32 bits, signed. */
const word = (value: number): number => value | 0;

class Translator {
  readonly #settings: Settings;
  readonly #modules: Module[] = [];
  readonly #functions = new Map<string, Func>();
  readonly #values = new Map<Constant, number | boolean | undefined>();
  readonly #uses = new Map<Func, Heap>();
  readonly #used = new Set<string>();
  readonly #printed = new Set<Comment>();

  constructor(settings: Settings) {
    this.#settings = settings;
    const seam = seamFunctions(settings.seam);
    for (const file of settings.files) this.#modules.push(this.#parse(file, seam));
    for (const name of [...settings.cold, ...settings.hot])
      if (!this.#functions.has(name))
        throw new Error(`hot or cold: the engine has no function ${name}`);
  }

  translate(): Translation {
    this.#findUsed();
    const members = this.#modules.map((each) => this.#members(each)).join("");
    const code = this.#modules.map((each) => this.#section(each)).join("\n");
    return { members, code };
  }

  // Names -----------------------------------------------------------------------------------------------------------------

  #parse(file: File, seam: ReadonlyMap<string, SeamFunction>): Module {
    const { program, comments, errors } = parseSync(file.name, file.text, { lang: "ts" });
    if (errors.length > 0) throw new Error(`${file.name}: ${errors[0]!.message}`);
    const module: Module = { file, program, comments, names: new Map() };
    for (const statement of program.body) {
      if (statement.type === "ImportDeclaration") {
        for (const each of statement.specifiers) {
          if (each.type !== "ImportSpecifier" || each.imported.type !== "Identifier")
            return this.#refuse(module, each, "only names can be imported");
          const { name } = each.imported;
          module.names.set(
            each.local.name,
            statement.source.value === "#memory"
              ? this.#seamName(name, seam)
              : this.#imported(module, each, statement.source.value, name),
          );
        }
      } else this.#declare(module, declaredBy(statement) as Statement);
    }
    return module;
  }

  #seamName(name: string, seam: ReadonlyMap<string, SeamFunction>): Meaning {
    const value = this.#settings.constants[name];
    if (value !== undefined) return { is: "switch", value };
    const found = seam.get(name);
    return found === undefined
      ? { is: "absent", why: `the seam for C has no ${name}` }
      : { is: "seam", seam: found };
  }

  #imported(module: Module, node: Node, from: string, name: string): Meaning {
    const base = from.replace(/^.*\//, "");
    const other = this.#modules.find(({ file }) => file.name.endsWith(`/${base}`));
    if (other === undefined)
      return { is: "absent", why: `${name} is not in a file before this one` };
    const found = other.names.get(name);
    if (found === undefined)
      return this.#refuse(module, node, `${name} is not in a file before this one`);
    return found;
  }

  #declare(module: Module, statement: Statement): void {
    const { names } = module;
    if (statement.type === "FunctionDeclaration") {
      const { name } = statement.id!;
      if (this.#functions.has(name))
        this.#refuse(module, statement, `two functions are called ${name}`);
      const c = this.#settings.taken.has(`hw_${name}`) ? `hw_${name}_` : `hw_${name}`;
      const made: Func = { module, name, c, node: statement, locals: localsOf(statement) };
      this.#functions.set(name, made);
      names.set(name, { is: "function", function: made });
    } else if (statement.type === "VariableDeclaration") {
      const { name, init } = this.#declarator(module, statement);
      names.set(
        name,
        statement.kind === "const"
          ? { is: "constant", constant: { module, name, value: init } }
          : { is: "variable", name },
      );
    } else this.#refuse(module, statement, `a ${statement.type} is not in the subset`);
  }

  #declarator(
    module: Module,
    statement: Variables,
  ): { name: string; type: string; init: Expression } {
    const [first, ...others] = statement.declarations;
    if (
      statement.kind === "var" ||
      others.length > 0 ||
      first!.id.type !== "Identifier" ||
      !first!.init
    )
      return this.#refuse(module, statement, "declare one constant or variable, with a value");
    return {
      name: first!.id.name,
      type: this.#type(module, first!.id),
      init: first!.init,
    };
  }

  #type(module: Module, node: Node & { typeAnnotation?: unknown }): string {
    const annotation = node.typeAnnotation as (Node & { typeAnnotation: Node }) | null | undefined;
    const inner = annotation?.typeAnnotation;
    const name = inner && module.file.text.slice(inner.start, inner.end);
    const type = name === undefined ? undefined : TYPES[name];
    return type ?? this.#refuse(module, node, `the type is not i32, bool or void`);
  }

  #meaning(
    module: Module,
    func: Func | undefined,
    node: Node & { name: string },
  ): Meaning | "local" {
    if (func?.locals.has(node.name)) return "local";
    return (
      module.names.get(node.name) ?? this.#refuse(module, node, `${node.name} is not declared`)
    );
  }

  #refuse(module: Module, node: Node, message: string): never {
    const { name, text } = module.file;
    throw new Error(`${name}:${text.slice(0, node.start).split("\n").length}: ${message}`);
  }

  // Values ----------------------------------------------------------------------------------------------------------------

  /** The value of an expression that the constants decide; undefined if they do not. */
  #valueOf(node: Expression, module: Module, func: Func | undefined): number | boolean | undefined {
    const value = (each: Expression): number | boolean | undefined =>
      this.#valueOf(each, module, func);
    switch (node.type) {
      case "ParenthesizedExpression":
        return value(node.expression);
      case "Literal":
        return typeof node.value === "number" || typeof node.value === "boolean"
          ? node.value
          : undefined;
      case "Identifier": {
        const meaning = this.#meaning(module, func, node);
        if (meaning === "local") return undefined;
        if (meaning.is === "switch") return meaning.value;
        if (meaning.is === "variable") return this.#settings.fixed[meaning.name];
        return meaning.is === "constant" ? this.#constantValue(meaning.constant) : undefined;
      }
      case "UnaryExpression": {
        const of = value(node.argument);
        if (of === undefined) return undefined;
        if (node.operator === "!") return !of;
        if (node.operator === "~") return ~of;
        return node.operator === "-" ? word(-of) : undefined;
      }
      case "LogicalExpression": {
        const left = value(node.left);
        if (left === (node.operator === "||")) return left;
        const right = value(node.right);
        return left === undefined ? undefined : right;
      }
      case "ConditionalExpression": {
        const test = value(node.test);
        return test === undefined ? undefined : value(test ? node.consequent : node.alternate);
      }
      case "BinaryExpression": {
        const [left, right] = [value(node.left as Expression), value(node.right)];
        if (left === undefined || right === undefined) return undefined;
        return computed(node.operator, Number(left), Number(right));
      }
      case "CallExpression": {
        const called = this.#called(node, module, func);
        if (called.is !== "function") return undefined;
        const arguments_ = node.arguments as Expression[];
        if (!arguments_.every((each) => this.#isPure(each, module, func))) return undefined;
        const [statement] = this.#body(called.function) ?? [];
        return statement?.type === "ReturnStatement" && statement.argument
          ? this.#valueOf(statement.argument, called.function.module, called.function)
          : undefined;
      }
      default:
        return undefined;
    }
  }

  #constantValue(constant: Constant): number | boolean | undefined {
    if (!this.#values.has(constant))
      this.#values.set(constant, this.#valueOf(constant.value, constant.module, undefined));
    return this.#values.get(constant);
  }

  #called(
    node: Kind<Expression, "CallExpression">,
    module: Module,
    func: Func | undefined,
  ): Meaning & { is: "function" | "seam" } {
    if (node.callee.type !== "Identifier")
      return this.#refuse(module, node, "only functions can be called");
    const meaning = this.#meaning(module, func, node.callee);
    if (meaning !== "local" && meaning.is === "absent")
      return this.#refuse(module, node, meaning.why);
    if (meaning === "local" || (meaning.is !== "function" && meaning.is !== "seam"))
      return this.#refuse(module, node, `${node.callee.name} is not a function`);
    return meaning;
  }

  /** Whether evaluating an expression changes nothing. */
  #isPure(node: Node, module: Module, func: Func | undefined): boolean {
    if (node.type === "AssignmentExpression" || node.type === "UpdateExpression") return false;
    if (node.type === "CallExpression") {
      const called = this.#called(node as Kind<Expression, "CallExpression">, module, func);
      const writes =
        called.is === "seam"
          ? called.seam.heap === "writes"
          : this.#heapOf(called.function) === "writes";
      if (writes) return false;
    }
    return childrenOf(node).every((each) => this.#isPure(each, module, func));
  }

  // Folding ---------------------------------------------------------------------------------------------------------------

  #body(func: Func): readonly Placed[] | undefined {
    if (!("body" in func)) {
      func.body = undefined;
      func.body = this.#withoutUnused(this.#foldAll(func.node.body!.body, func), func);
    }
    return func.body;
  }

  /** Leaves out the variables that nothing names any more. */
  #withoutUnused(body: readonly Placed[], func: Func): readonly Placed[] {
    const times = new Map<string, number>();
    const count = (node: Node): void => {
      if (node.type !== "Identifier") return;
      const { name } = node as Node & { name: string };
      times.set(name, (times.get(name) ?? 0) + 1);
    };
    for (const each of body) visit(each, count);
    return body.filter((each) => {
      if (each.type !== "VariableDeclaration") return true;
      const { name, init } = this.#declarator(func.module, each);
      return times.get(name) !== 1 || !this.#isPure(init, func.module, func);
    });
  }

  #foldAll(statements: readonly Statement[], func: Func): Placed[] {
    const folded: Placed[] = [];
    for (const each of statements) {
      folded.push(...this.#foldStatement(each, func));
      const last = folded.at(-1)?.type;
      if (last === "ReturnStatement" || last === "BreakStatement" || last === "ContinueStatement")
        break;
    }
    return folded;
  }

  #foldStatement(node: Placed, func: Func): Placed[] {
    const { module } = func;
    const fold = (each: Expression): Expression => this.#fold(each, func);
    const inner = (each: Statement): Statement => {
      const [only, ...others] = this.#foldStatement(each, func);
      if (only === undefined) return { ...each, type: "BlockStatement", body: [] } as Statement;
      return others.length === 0 && each.type !== "BlockStatement"
        ? only
        : ({ ...each, type: "BlockStatement", body: [only, ...others] } as Statement);
    };
    switch (node.type) {
      case "BlockStatement":
        return this.#foldAll(node.body, func);
      case "ExpressionStatement": {
        const expression = fold(node.expression);
        if (this.#isFixed(expression, module, func)) return [];
        return [{ ...node, expression }];
      }
      case "ReturnStatement":
        return [node.argument ? { ...node, argument: fold(node.argument) } : node];
      case "VariableDeclaration": {
        const declarations = node.declarations.map((each) =>
          each.init ? { ...each, init: fold(each.init) } : each,
        );
        return [{ ...node, declarations } as Placed];
      }
      case "IfStatement": {
        const value = this.#valueOf(node.test, module, func);
        if (value !== undefined) {
          const rest = value ? node.consequent : node.alternate;
          const [first, ...others] = rest ? this.#foldStatement(rest, func) : [];
          if (first === undefined) return [];
          const isPlaced = rest!.type === "BlockStatement";
          return [isPlaced ? first : { ...first, comments: node.start }, ...others];
        }
        const alternate = node.alternate ? inner(node.alternate) : null;
        return [
          {
            ...node,
            test: fold(node.test),
            consequent: inner(node.consequent),
            alternate,
          } as Placed,
        ];
      }
      case "WhileStatement":
      case "DoWhileStatement":
        return [{ ...node, test: fold(node.test), body: inner(node.body) } as Placed];
      case "ForStatement": {
        const init =
          node.init?.type === "VariableDeclaration"
            ? this.#foldStatement(node.init as Statement, func)[0]!
            : node.init && fold(node.init as Expression);
        const test = node.test && fold(node.test);
        const update = node.update && fold(node.update);
        return [{ ...node, init, test, update, body: inner(node.body) } as Placed];
      }
      case "BreakStatement":
      case "ContinueStatement":
        if (node.label) return this.#refuse(module, node, "labels are not in the subset");
        return [node];
      case "EmptyStatement":
        return [];
      default:
        return this.#refuse(module, node, `a ${node.type} is not in the subset`);
    }
  }

  /** Whether an expression assigns to a variable that never changes. */
  #isFixed(node: Expression, module: Module, func: Func): boolean {
    if (node.type !== "AssignmentExpression" || node.left.type !== "Identifier") return false;
    const meaning = this.#meaning(module, func, node.left);
    if (meaning === "local" || meaning.is !== "variable") return false;
    if (this.#settings.fixed[meaning.name] === undefined) return false;
    if (!this.#isPure(node.right, module, func))
      return this.#refuse(module, node, `${meaning.name} is fixed`);
    return true;
  }

  #fold(node: Expression, func: Func): Expression {
    const { module } = func;
    const fold = (each: Expression): Expression => this.#fold(each, func);
    const literal = (value: number | boolean): Expression =>
      ({
        type: "Literal",
        value,
        raw: String(value),
        start: node.start,
        end: node.end,
      }) as Expression;
    const value = (each: Expression): number | boolean | undefined =>
      this.#valueOf(each, module, func);
    switch (node.type) {
      case "ParenthesizedExpression":
        return fold(node.expression);
      case "Literal":
        if (typeof node.value === "number" || typeof node.value === "boolean") return node;
        return this.#refuse(module, node, "a literal is a number or a truth value");
      case "Identifier":
        return node;
      case "UnaryExpression": {
        const known = node.operator === "!" ? value(node) : undefined;
        return known === undefined ? { ...node, argument: fold(node.argument) } : literal(known);
      }
      case "UpdateExpression":
        return node;
      case "AssignmentExpression":
        return { ...node, right: fold(node.right) };
      case "ConditionalExpression": {
        const test = value(node.test);
        if (test !== undefined) return fold(test ? node.consequent : node.alternate);
        return {
          ...node,
          test: fold(node.test),
          consequent: fold(node.consequent),
          alternate: fold(node.alternate),
        };
      }
      case "LogicalExpression": {
        const [left, right] = [value(node.left), value(node.right)];
        const decides = node.operator === "||";
        if (left !== undefined) return left === decides ? literal(left) : fold(node.right);
        if (right === !decides) return fold(node.left);
        return { ...node, left: fold(node.left), right: fold(node.right) };
      }
      case "BinaryExpression": {
        const [left, right] = [fold(node.left as Expression), fold(node.right)];
        if (node.operator === "+" && right.type === "Literal" && right.value === 0) return left;
        return { ...node, left, right } as Expression;
      }
      case "CallExpression": {
        const known = value(node);
        if (known !== undefined) return literal(known);
        return { ...node, arguments: (node.arguments as Expression[]).map(fold) };
      }
      default:
        return this.#refuse(module, node, `a ${node.type} is not in the subset`);
    }
  }

  // Use -------------------------------------------------------------------------------------------------------------------

  /** How a function uses the heap, itself or by what it calls. */
  #heapOf(func: Func): Heap {
    const known = this.#uses.get(func);
    if (known !== undefined) return known;
    // A function that calls itself again, by way of others, uses what they use.
    this.#uses.set(func, "none");
    let most: Heap = "none";
    const note = (heap: Heap): void => {
      if (heap === "writes" || most === "none") most = heap;
    };
    for (const each of this.#body(func) ?? []) {
      visit(each, (node) => {
        if (node.type === "CallExpression") {
          const called = this.#called(
            node as Kind<Expression, "CallExpression">,
            func.module,
            func,
          );
          note(called.is === "seam" ? called.seam.heap : this.#heapOf(called.function));
        }
        for (const name of variablesIn(node)) {
          const meaning = this.#meaning(func.module, func, name.node);
          if (meaning === "local" || meaning.is !== "variable") continue;
          if (this.#settings.fixed[meaning.name] === undefined)
            note(name.written ? "writes" : "reads");
        }
      });
    }
    this.#uses.set(func, most);
    return most;
  }

  /** Marks what the roots lead to; functions that call one another until nothing changes. */
  #findUsed(): void {
    const constants = (constant: Constant): void => {
      if (this.#used.has(`HW_${constant.name}`)) return;
      this.#used.add(`HW_${constant.name}`);
      visit(constant.value, (node) => {
        if (node.type !== "Identifier") return;
        const meaning = this.#meaning(constant.module, undefined, node as Node & { name: string });
        if (meaning !== "local" && meaning.is === "constant") constants(meaning.constant);
      });
    };
    const follow = (func: Func): void => {
      if (this.#used.has(func.c)) return;
      this.#used.add(func.c);
      const body = this.#body(func) ?? [];
      for (const statement of body) {
        visit(statement, (node) => {
          if (node.type !== "Identifier") return;
          const meaning = this.#meaning(func.module, func, node as Node & { name: string });
          if (meaning === "local") return;
          if (meaning.is === "absent") this.#refuse(func.module, node, meaning.why);
          if (meaning.is === "function") follow(meaning.function);
          if (meaning.is === "constant") constants(meaning.constant);
          if (meaning.is === "variable") this.#used.add(meaning.name);
        });
      }
    };
    for (const root of this.#settings.roots) {
      const func = [...this.#functions.values()].find(({ c }) => c === root);
      if (func) follow(func);
      const constant = this.#constantNamed(root);
      if (constant) constants(constant);
    }
    // Recursive functions have been given too little at first.
    for (let before = -1; before !== this.#heapSum();) {
      before = this.#heapSum();
      const all = [...this.#uses.entries()];
      for (const [func] of all) {
        this.#uses.delete(func);
        const now = this.#heapOf(func);
        this.#uses.set(func, now);
      }
    }
  }

  #heapSum(): number {
    const weight = { none: 0, reads: 1, writes: 100 };
    return [...this.#uses.values()].reduce((sum, each) => sum + weight[each], 0);
  }

  #constantNamed(c: string): Constant | undefined {
    for (const { names } of this.#modules) {
      const meaning = names.get(c.replace(/^HW_/, ""));
      if (meaning?.is === "constant") return meaning.constant;
    }
    return undefined;
  }

  // Text ------------------------------------------------------------------------------------------------------------------

  #members(module: Module): string {
    let text = "";
    for (const statement of module.program.body) {
      const node = declaredBy(statement);
      if (node?.type !== "VariableDeclaration" || (node as Variables).kind === "const") continue;
      const { name, type, init } = this.#declarator(module, node as Variables);
      if (!this.#used.has(name) || this.#settings.fixed[name] !== undefined) continue;
      if (Number(this.#valueOf(init, module, undefined)) !== 0)
        this.#refuse(module, node, "a variable starts as 0");
      const comment = this.#leading(module, statement.start).at(-1);
      if (comment?.startsWith("/**")) text += `${indented(comment, 1)}\n`;
      text += `  ${type} ${name};\n`;
    }
    return text;
  }

  /** A file's text. */
  #section(module: Module): string {
    const { name, text } = module.file;
    const start = module.program.body[0]?.start ?? 0;
    let code = `// ${name} ${"=".repeat(Math.max(3, 116 - name.length))}\n\n`;
    code += this.#leading(module, start)
      .map((each) => `${each}\n`)
      .join("\n");
    let heading = "";
    const declared = new Set<Func>();
    let functions = "";
    const early: Func[] = [];
    for (const statement of module.program.body) {
      if (statement.type === "ImportDeclaration") continue;
      const node = declaredBy(statement) as Statement;
      const comments = statement.start === start ? [] : this.#leading(module, statement.start);
      const found = comments.find((each) => /^\/\/ .*-{9,}$/m.test(each));
      if (found !== undefined) heading = `${found}\n\n`;
      const own = comments.filter((each) => each !== found).join("\n\n");
      const isApart = /\n\s*\n$/.test(text.slice(0, statement.start));
      const before = own === "" ? "" : `${own}\n${isApart ? "\n" : ""}`;
      let printed = "";
      if (node.type === "FunctionDeclaration") {
        const func = this.#functions.get(node.id!.name)!;
        if (!this.#used.has(func.c)) continue;
        for (const called of this.#calls(func)) {
          if (
            called.module === module &&
            called !== func &&
            !declared.has(called) &&
            !early.includes(called)
          )
            early.push(called);
        }
        declared.add(func);
        printed = this.#function(func);
      } else if (node.type === "VariableDeclaration" && node.kind === "const") {
        printed = this.#constant(module, node, statement);
      }
      if (printed === "") continue;
      const isBlank = /\n\s*\n$/.test(text.slice(0, this.#commentStart(module, statement.start)));
      functions += `${isBlank || node.type === "FunctionDeclaration" ? "\n" : ""}${heading}${before}${printed}\n`;
      heading = "";
    }
    const prototypes = early.map((each) => `${this.#signature(each)};\n`).join("");
    return `${code}${prototypes === "" ? "" : `\n${prototypes}`}${functions}`;
  }

  #calls(func: Func): Func[] {
    const found: Func[] = [];
    for (const each of this.#body(func) ?? []) {
      visit(each, (node) => {
        if (node.type !== "CallExpression") return;
        const called = this.#called(node as Kind<Expression, "CallExpression">, func.module, func);
        if (called.is === "function") found.push(called.function);
      });
    }
    return found;
  }

  #constant(module: Module, node: Variables, statement: Node): string {
    const { name, init } = this.#declarator(module, node);
    if (!this.#used.has(`HW_${name}`)) return "";
    const value = this.#valueOf(init, module, undefined);
    if (value === undefined)
      return this.#refuse(module, node, "a constant's value is not constant");
    const known = this.#settings.known.get(`HW_${name}`);
    if (known !== undefined) {
      if (known !== value) this.#refuse(module, node, `HW_${name} is ${known} in the header`);
      return "";
    }
    const top: Func = { module, name, c: "", node: undefined as never, locals: new Set() };
    const [doc, precedence] = this.#expression(this.#fold(init, top), top);
    const text = print(doc, 0, Infinity);
    const trailing = this.#trailing(module, statement);
    return `#define HW_${name} ${precedence === PRIMARY ? text : `(${text})`}${trailing}`;
  }

  #signature(func: Func): string {
    const { node, module } = func;
    const parameters = node.params.map((each) => {
      if (each.type !== "Identifier") return this.#refuse(module, each, "a parameter is a name");
      return `${this.#type(module, each)} ${local(each.name)}`;
    });
    const heap = this.#heapOf(func);
    if (heap !== "none") parameters.unshift(`${heap === "reads" ? "const " : ""}hw_heap *hw`);
    const returns = node.returnType as unknown as Node & { typeAnnotation: Node };
    const type = this.#type(module, { ...node, typeAnnotation: returns });
    const isHot = this.#settings.hot.includes(func.name);
    const how = isHot
      ? "HW_INLINE"
      : `static${this.#settings.cold.includes(func.name) ? " HW_COLD" : ""}`;
    if (parameters.length === 0) parameters.push("void");
    return print(
      [`${how} ${type} ${func.c}(`, { indent: [SOFT, join(parameters, [",", LINE])] }, SOFT, ")"],
      0,
      WIDTH,
    );
  }

  #function(func: Func): string {
    const body = this.#body(func)!;
    const names = new Set<string>();
    for (const each of body)
      visit(each, (node) => {
        if (node.type === "Identifier") names.add((node as Node & { name: string }).name);
      });
    const unused = func.node.params
      .map((each) => (each as unknown as { name: string }).name)
      .filter((name) => !names.has(name))
      .map((name) => `  (void)${local(name)};\n`);
    const statements = this.#statements(body, func, 1);
    this.#expectComments(func);
    return `${this.#signature(func)} {\n${unused.join("")}${statements}}`;
  }

  /** Comments in what is printed are printed. */
  #expectComments(func: Func): void {
    for (const statement of this.#body(func)!) {
      visit(statement, (node) => {
        const isWhole = ["ExpressionStatement", "ReturnStatement", "VariableDeclaration"].includes(
          node.type,
        );
        if (!isWhole) return;
        const lost = func.module.comments.find(
          (each) => each.start > node.start && each.end <= node.end && !this.#printed.has(each),
        );
        if (lost) this.#refuse(func.module, lost, "a comment inside an expression is lost");
      });
    }
  }

  #statements(statements: readonly Placed[], func: Func, level: number): string {
    let text = "";
    for (const [i, each] of statements.entries()) {
      const at = each.comments ?? each.start;
      const { text: source } = func.module.file;
      const isBlank = /\n\s*\n$/.test(source.slice(0, this.#commentStart(func.module, at)));
      if (i > 0 && isBlank) text += "\n";
      for (const comment of this.#leading(func.module, at)) text += `${indented(comment, level)}\n`;
      text += `${"  ".repeat(level)}${this.#statement(each, func, level)}${this.#trailing(func.module, each)}\n`;
    }
    return text;
  }

  #statement(node: Placed, func: Func, level: number): string {
    const { module } = func;
    const text = (before: string, expression: Expression, after: string): string =>
      print([before, { indent: this.#expression(expression, func)[0] }, after], level, WIDTH);
    switch (node.type) {
      case "BlockStatement":
        return `{\n${this.#statements(node.body, func, level + 1)}${"  ".repeat(level)}}`;
      case "ExpressionStatement":
        return text("", node.expression, ";");
      case "ReturnStatement": {
        if (!node.argument) return "return;";
        if (!this.#isVoid(func)) return text("return ", node.argument, ";");
        const inside = "  ".repeat(level + 1);
        return `{\n${inside}${text("", node.argument, ";")}\n${inside}return;\n${"  ".repeat(level)}}`;
      }
      case "VariableDeclaration":
        return this.#local(node, func, level);
      case "IfStatement": {
        const then = this.#inner(node.consequent, func, level, node.alternate !== null);
        let written = text("if (", node.test, ")") + then;
        if (node.alternate) {
          const other =
            node.alternate.type === "IfStatement"
              ? ` ${this.#statement(node.alternate, func, level)}`
              : this.#inner(node.alternate, func, level, true);
          written += `${then.endsWith("}") ? " " : `\n${"  ".repeat(level)}`}else${other}`;
        }
        return written;
      }
      case "WhileStatement":
        return text("while (", node.test, ")") + this.#inner(node.body, func, level, false);
      case "DoWhileStatement": {
        const body = this.#inner(node.body, func, level, true);
        return `do${body} ${text("while (", node.test, ");")}`;
      }
      case "ForStatement": {
        const init =
          node.init?.type === "VariableDeclaration"
            ? this.#local(node.init as Variables, func, level).slice(0, -1)
            : node.init
              ? text("", node.init as Expression, "")
              : "";
        const test = node.test ? text(" ", node.test, "") : "";
        const update = node.update ? text(" ", node.update, "") : "";
        return `for (${init};${test};${update})${this.#inner(node.body, func, level, false)}`;
      }
      case "BreakStatement":
        return "break;";
      case "ContinueStatement":
        return "continue;";
      default:
        return this.#refuse(module, node, `a ${node.type} is not in the subset`);
    }
  }

  #isVoid(func: Func): boolean {
    const returns = func.node.returnType as unknown as Node & { typeAnnotation: Node };
    return this.#type(func.module, { ...func.node, typeAnnotation: returns }) === "void";
  }

  #local(node: Variables, func: Func, level: number): string {
    const { name, type, init } = this.#declarator(func.module, node);
    const how = node.kind === "const" ? "const " : "";
    const value = { indent: this.#expression(init, func)[0] };
    return print([`${how}${type} ${local(name)} = `, value, ";"], level, WIDTH);
  }

  /** The statement that an `if` or a loop governs; `braced` unless it is a single line that cannot be mistaken. */
  #inner(node: Statement, func: Func, level: number, braced: boolean): string {
    const isShort = ["ExpressionStatement", "BreakStatement", "ContinueStatement"].includes(
      node.type,
    );
    const isReturn = node.type === "ReturnStatement" && (!node.argument || !this.#isVoid(func));
    if (node.type === "BlockStatement") return ` ${this.#statement(node, func, level)}`;
    if (node.type === "ReturnStatement" && !isReturn)
      return ` ${this.#statement(node, func, level)}`;
    if ((isShort || isReturn) && !braced)
      return `\n${"  ".repeat(level + 1)}${this.#statement(node, func, level + 1)}`;
    return ` {\n${this.#statements([node], func, level + 1)}${"  ".repeat(level)}}`;
  }

  // Expressions -----------------------------------------------------------------------------------------------------------

  #expression(node: Expression, func: Func): [Doc, number] {
    const { module } = func;
    switch (node.type) {
      case "Literal":
        return [typeof node.value === "number" ? `${node.raw}u` : String(node.value), PRIMARY];
      case "Identifier":
        return [this.#name(node, func), PRIMARY];
      case "UnaryExpression": {
        if (node.operator === "!") {
          const below = this.#belowIn(node.argument, func);
          if (below) return this.#plain(">=", COMPARISON, below[0]!, below[1]!, func);
        }
        if (!["!", "~", "-"].includes(node.operator))
          return this.#refuse(module, node, `${node.operator} is not in the subset`);
        return [[node.operator, this.#operand(node.argument, func, UNARY)], UNARY];
      }
      case "UpdateExpression": {
        const target = this.#expression(node.argument as Expression, func)[0];
        return [node.prefix ? [node.operator, target] : [target, node.operator], UNARY];
      }
      case "AssignmentExpression": {
        const operator = node.operator.replace(">>>", ">>");
        if (node.operator === ">>=" || !/^([-+*|&^]|<<|>>)?=$/.test(operator))
          return this.#refuse(module, node, `${node.operator} is not in the subset`);
        const shifts = operator === "<<=" || operator === ">>=";
        const right = shifts
          ? this.#shift(node.right, func)
          : this.#expression(node.right, func)[0];
        const target = this.#expression(node.left as Expression, func)[0];
        return [[target, ` ${operator} `, { indent: right }], ASSIGNMENT];
      }
      case "ConditionalExpression": {
        const test = this.#operand(node.test, func, CONDITIONAL + 1);
        const [then, otherwise] = [node.consequent, node.alternate].map((each) =>
          this.#operand(each, func, CONDITIONAL),
        );
        return [{ group: [test, LINE, "? ", then!, LINE, ": ", otherwise!] }, CONDITIONAL];
      }
      case "LogicalExpression": {
        const precedence = PRECEDENCE.get(node.operator)!;
        const chain = (each: Expression): Expression[] =>
          each.type === "LogicalExpression" && each.operator === node.operator
            ? [...chain(each.left), ...chain(each.right)]
            : [each];
        // Compilers ask for parentheses around && in ||.
        const least = precedence + 2;
        const parts = chain(node).map((each) => this.#operand(each, func, least));
        return [{ group: join(parts, [` ${node.operator}`, LINE]) }, precedence];
      }
      case "BinaryExpression": {
        const left = node.left as Expression;
        if (node.operator === "|" && isZero(node.right)) return this.#expression(left, func);
        return this.#binary(node.operator, left, node.right, func);
      }
      case "CallExpression":
        return this.#call(node, func);
      default:
        return this.#refuse(module, node, `a ${node.type} is not in the subset`);
    }
  }

  #operand(node: Expression, func: Func, least: number): Doc {
    const [doc, precedence] = this.#expression(node, func);
    return precedence < least ? ["(", doc, ")"] : doc;
  }

  /** The operands of a call of `below`. */
  #belowIn(node: Expression, func: Func): Expression[] | undefined {
    if (node.type !== "CallExpression") return undefined;
    const called = this.#called(node, func.module, func);
    return called.is === "seam" && called.seam.name === "below"
      ? (node.arguments as Expression[])
      : undefined;
  }

  /** An operation of the source, in which words have a sign. */
  #binary(source: string, left: Expression, right: Expression, func: Func): [Doc, number] {
    const operator = source
      .replace(/^===?$/, "==")
      .replace(/^!==?$/, "!=")
      .replace(">>>", ">>");
    const precedence = PRECEDENCE.get(operator);
    if (source === ">>" || precedence === undefined)
      return this.#refuse(func.module, left, `${source} is not in the subset`);
    if (operator === "/" || operator === "%") {
      const [a, b] = [this.#signed(left, func), this.#signed(right, func)];
      return [["(u32)(", a, ` ${operator} `, b, ")"], UNARY];
    }
    if (precedence === COMPARISON) {
      return [
        [this.#signed(left, func), ` ${operator}`, LINE, this.#signed(right, func)],
        precedence,
      ];
    }
    return this.#plain(operator, precedence, left, right, func);
  }

  /** An operation on words without a sign. */
  #plain(
    operator: string,
    precedence: number,
    left: Expression,
    right: Expression,
    func: Func,
  ): [Doc, number] {
    const associates = ["+", "*", "|", "&", "^"].includes(operator);
    const isSame = (each: Expression): boolean =>
      associates &&
      each.type === "BinaryExpression" &&
      each.operator === operator &&
      !isZero(each.right);
    // Compilers ask for parentheses where few people know the order.
    const sum = PRECEDENCE.get("+")!;
    const needs = ["|", "^", "&"].includes(operator)
      ? UNARY
      : ["<<", ">>"].includes(operator)
        ? UNARY
        : ["==", "!="].includes(operator)
          ? PRECEDENCE.get("<<")!
          : precedence;
    const least = needs === precedence && operator !== "+" && operator !== "*" ? precedence : needs;
    const a = isSame(left)
      ? this.#expression(left, func)[0]
      : this.#operand(left, func, operator === "-" ? sum : least);
    const shifts = operator === "<<" || operator === ">>";
    const b = shifts
      ? this.#shift(right, func)
      : isSame(right) && operator !== "+"
        ? this.#expression(right, func)[0]
        : this.#operand(right, func, Math.max(least, precedence + 1));
    return [[a, ` ${operator}`, operator === "+" || operator === "|" ? LINE : " ", b], precedence];
  }

  /** An operand that is compared or divided with its sign. */
  #signed(node: Expression, func: Func): Doc {
    if (node.type === "Literal") return node.raw!;
    if (node.type === "UnaryExpression" && node.argument.type === "Literal")
      return [node.operator, node.argument.raw!];
    return ["(i32)", this.#operand(node, func, UNARY)];
  }

  /** The number of bits of a shift: less than 32, as JavaScript and WebAssembly take it. */
  #shift(node: Expression, func: Func): Doc {
    const value = this.#valueOf(node, func.module, func);
    if (typeof value === "number" && value >= 0 && value < 32)
      return this.#operand(node, func, UNARY);
    const isMasked =
      node.type === "BinaryExpression" &&
      node.operator === "&" &&
      this.#valueOf(node.right, func.module, func) === 31;
    const doc = this.#operand(node, func, UNARY);
    return isMasked ? doc : ["(", doc, " & 31u)"];
  }

  #call(node: Kind<Expression, "CallExpression">, func: Func): [Doc, number] {
    const called = this.#called(node, func.module, func);
    const given = node.arguments as Expression[];
    if (called.is === "seam" && called.seam.name === "below")
      return this.#plain("<", COMPARISON, given[0]!, given[1]!, func);
    if (called.is === "seam" && called.seam.name === "multiply")
      return this.#plain("*", PRECEDENCE.get("*")!, given[0]!, given[1]!, func);
    const docs = given.map((each) => this.#expression(each, func)[0]);
    const heap = called.is === "seam" ? called.seam.heap : this.#heapOf(called.function);
    if (heap !== "none") docs.unshift("hw");
    const name = called.is === "seam" ? `hw_${called.seam.name}` : called.function.c;
    if (docs.length === 0) return [`${name}()`, PRIMARY];
    return [
      { group: [`${name}(`, { indent: [SOFT, join(docs, [",", LINE])] }, SOFT, ")"] },
      PRIMARY,
    ];
  }

  #name(node: Node & { name: string }, func: Func): string {
    const meaning = this.#meaning(func.module, func, node);
    if (meaning === "local") return local(node.name);
    if (meaning.is === "constant") return `HW_${meaning.constant.name}`;
    if (meaning.is === "switch") return String(meaning.value);
    if (meaning.is !== "variable")
      return this.#refuse(func.module, node, "functions are only called");
    if (this.#settings.fixed[meaning.name] === undefined) return `hw->${meaning.name}`;
    return fixedName(meaning.name);
  }

  // Comments --------------------------------------------------------------------------------------------------------------

  /** The comments before a node that are on lines of their own, in groups with empty lines between them. */
  #leading(module: Module, start: number): string[] {
    const groups: string[][] = [[]];
    const { text } = module.file;
    let next = start;
    for (const each of module.comments.filter(({ end }) => end <= start).toReversed()) {
      const between = text.slice(each.end, next);
      const lineStart = text.lastIndexOf("\n", each.start) + 1;
      if (between.trim() !== "" || text.slice(lineStart, each.start).trim() !== "") break;
      if (/\n\s*\n/.test(between) && groups[0]!.length > 0) groups.unshift([]);
      groups[0]!.unshift(withoutIndent(text.slice(each.start, each.end)));
      this.#printed.add(each);
      next = each.start;
    }
    return groups.filter((each) => each.length > 0).map((each) => each.join("\n"));
  }

  /** Where the comments before a node start, or the node itself. */
  #commentStart(module: Module, start: number): number {
    const { text } = module.file;
    let next = start;
    for (const each of module.comments.filter(({ end }) => end <= start).toReversed()) {
      const lineStart = text.lastIndexOf("\n", each.start) + 1;
      if (
        text.slice(each.end, next).trim() !== "" ||
        text.slice(lineStart, each.start).trim() !== ""
      )
        break;
      next = each.start;
    }
    return text.lastIndexOf("\n", next - 1) + 1;
  }

  /** A comment behind a node on its line. */
  #trailing(module: Module, node: Node): string {
    const { text } = module.file;
    const found = module.comments.find(({ start }) => start >= node.end);
    if (!found || !/^[ \t;]*$/.test(text.slice(node.end, found.start))) return "";
    this.#printed.add(found);
    return ` ${text.slice(found.start, found.end)}`;
  }
}

function fixedName(name: string): string {
  return `HW_${name.replace(/[A-Z]/g, "_$&").toUpperCase()}`;
}

function local(name: string): string {
  return KEYWORDS.has(name) ? `${name}_` : name;
}

function isZero(node: Expression): boolean {
  return node.type === "Literal" && node.value === 0;
}

/** The functions of the seam, and how they use the heap: that is in their first parameter. */
function seamFunctions(header: string): Map<string, SeamFunction> {
  const found = new Map<string, SeamFunction>();
  const signatures = header.matchAll(/^(?:HW_INLINE|static) \w+ hw_(\w+)\(([^)]*)\)/gm);
  for (const [, name, parameters] of signatures) {
    const heap = parameters!.startsWith("const hw_heap *")
      ? "reads"
      : parameters!.startsWith("hw_heap *")
        ? "writes"
        : "none";
    found.set(name!, { name: name!, heap });
  }
  for (const name of ["below", "multiply"]) found.set(name, { name, heap: "none" });
  return found;
}

function computed(operator: string, a: number, b: number): number | boolean | undefined {
  switch (operator) {
    case "+":
      return word(a + b);
    case "-":
      return word(a - b);
    case "*":
      return Math.imul(a, b);
    case "/":
      return b === 0 ? undefined : word(a / b);
    case "<<":
      return a << b;
    case ">>>":
      return word(a >>> b);
    case "|":
      return a | b;
    case "&":
      return a & b;
    case "^":
      return a ^ b;
    case "==":
    case "===":
      return a === b;
    case "!=":
    case "!==":
      return a !== b;
    case "<":
      return a < b;
    case ">":
      return a > b;
    case "<=":
      return a <= b;
    case ">=":
      return a >= b;
    default:
      return undefined;
  }
}

/** What a statement at the top of a file declares. */
function declaredBy(statement: Statement): Node {
  if (statement.type !== "ExportNamedDeclaration") return statement;
  return (statement.declaration as Node | null) ?? statement;
}

function localsOf(node: FunctionNode): Set<string> {
  const names = new Set(node.params.map((each) => (each as unknown as { name: string }).name));
  visit(node.body!, (each) => {
    if (each.type === "VariableDeclarator")
      names.add((each as unknown as { id: { name: string } }).id.name);
  });
  return names;
}

/** The names of variables that a node itself reads or writes. */
function variablesIn(node: Node): { node: Node & { name: string }; written: boolean }[] {
  const parent = node as Node & { left?: Node; argument?: Node };
  const target =
    node.type === "AssignmentExpression"
      ? parent.left
      : node.type === "UpdateExpression"
        ? parent.argument
        : undefined;
  if (target?.type === "Identifier")
    return [{ node: target as Node & { name: string }, written: true }];
  return node.type === "Identifier"
    ? [{ node: node as Node & { name: string }, written: false }]
    : [];
}

function childrenOf(node: Node): Node[] {
  return Object.entries(node)
    .filter(([key]) => key !== "typeAnnotation" && key !== "returnType")
    .flatMap(([, value]) => value as unknown)
    .filter((each): each is Node => typeof (each as Node | null)?.type === "string");
}

function visit(node: Node, see: (node: Node) => void): void {
  see(node);
  for (const each of childrenOf(node)) visit(each, see);
}

/** The lines of a comment as if it stood at the start of a line. */
function withoutIndent(comment: string): string {
  return comment
    .split("\n")
    .map((line, i) => (i === 0 ? line : line.replace(/^\s*\*/, " *")))
    .join("\n");
}

function indented(text: string, level: number): string {
  return text
    .split("\n")
    .map((line) => "  ".repeat(level) + line)
    .join("\n");
}
