// Objects, strings, arrays and maps that the collector has to keep apart: what it computes depends on all of them.

let seed: u32 = 2463534242;

function random(): u32 {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

class Node {
  left: Node | null = null;
  right: Node | null = null;

  constructor(
    public key: u32,
    public text: string,
  ) {}
}

/** A tree without balance; the one that is inserted replaces what has its key. */
function insert(root: Node | null, key: u32, text: string): Node {
  if (root == null) return new Node(key, text);
  let at: Node = root;
  while (at.key != key) {
    const next = key < at.key ? at.left : at.right;
    if (next == null) {
      const made = new Node(key, text);
      if (key < at.key) at.left = made;
      else at.right = made;
      return root;
    }
    at = next;
  }
  at.text = text;
  return root;
}

function sum(node: Node | null): u32 {
  if (node == null) return 17;
  let own: u32 = node.key;
  for (let i = 0; i < node.text.length; i++) own = (own ^ node.text.charCodeAt(i)) * 16777619;
  return (own + sum(node.left) * 31) ^ (sum(node.right) * 37);
}

/** Makes and drops trees, words and buffers; a number that tells all that they held. */
export function work(rounds: i32): u32 {
  const words = new Map<string, u32>();
  const buffers = new Array<Float64Array>(64).fill(new Float64Array(0));
  let root: Node | null = null;
  let result: u32 = 0;
  for (let round = 0; round < rounds; round++) {
    const key = random() % 20000;
    const text = "word " + key.toString() + " of " + round.toString();
    root = insert(root, key, text);
    const word = text.substring(0, 8);
    words.set(word, words.has(word) ? words.get(word) + 1 : 1);
    const buffer = new Float64Array(random() % 300);
    for (let i = 0; i < buffer.length; i++) buffer[i] = round;
    buffers[random() & 63] = buffer;
    if (round % 40000 == 39999) {
      result = result * 31 + sum(root);
      root = null;
    }
  }
  const keys = words.keys().sort();
  for (let i = 0; i < keys.length; i++) result = (result ^ words.get(keys[i])) * 16777619;
  for (let i = 0; i < buffers.length; i++) {
    for (let j = 0; j < buffers[i].length; j++) result = result * 31 + (buffers[i][j] as u32);
  }
  return result;
}
