// The words of the engine, for tsc: AssemblyScript has these types, TypeScript takes them as aliases.
type i32 = number;
type bool = boolean;
