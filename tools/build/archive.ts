// Static libraries: ar's format with the symbol index of GNU and LLVM, which linkers search by symbol.

export interface Member {
  readonly name: string;
  /** The symbols that it defines. */
  readonly symbols: readonly string[];
  readonly bytes: Uint8Array;
}

const MAGIC = "!<arch>\n";
const HEADER = 60;

/** An archive of these members, the same for the same members: dates and owners are 0. */
export function archive(members: readonly Member[]): Uint8Array {
  const symbols = members.flatMap((member) => member.symbols.map((name) => ({ name, member })));
  const names = Buffer.from(symbols.map(({ name }) => `${name}\0`).join(""));
  const index = Buffer.alloc(4 + 4 * symbols.length + names.length);
  const offsets = new Map<Member, number>();
  let at = MAGIC.length + HEADER + even(index.length);
  for (const member of members) {
    offsets.set(member, at);
    at += HEADER + even(member.bytes.length);
  }
  index.writeUInt32BE(symbols.length, 0);
  for (const [i, { member }] of symbols.entries())
    index.writeUInt32BE(offsets.get(member)!, 4 + 4 * i);
  names.copy(index, 4 + 4 * symbols.length);
  return Buffer.concat([
    Buffer.from(MAGIC),
    ...entry("/", index),
    ...members.flatMap(({ name, bytes }) => entry(`${name}/`, bytes)),
  ]);
}

function entry(name: string, bytes: Uint8Array): Uint8Array[] {
  const field = (value: string, width: number): string => {
    if (value.length > width) throw new Error(`archive: ${value} is too long`);
    return value.padEnd(width);
  };
  const header = field(name, 16) + field("0", 12) + field("0", 6) + field("0", 6) + field("644", 8);
  return [
    Buffer.from(`${header}${field(String(bytes.length), 10)}\`\n`),
    bytes,
    Buffer.from(bytes.length % 2 === 0 ? "" : "\n"),
  ];
}

function even(length: number): number {
  return length + (length % 2);
}
