/** Text as UTF-8, also where the platform has no coder for it, as in an AudioWorklet. */

/** A code point that stands for what is not text: half of a surrogate pair, bytes that are not UTF-8. */
const REPLACEMENT = 0xfffd;

/** The UTF-8 of `text`; lone surrogates become U+FFFD. */
export function encode(text: string): Uint8Array {
  return typeof TextEncoder === "function" ? new TextEncoder().encode(text) : encodeByHand(text);
}

/** The text of UTF-8; what is none becomes U+FFFD. A byte order mark stays, so that every text comes back as it was. */
export function decode(bytes: Uint8Array): string {
  if (typeof TextDecoder !== "function") return decodeByHand(bytes);
  // Browsers decode neither shared nor resizable memory: a copy is neither.
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.slice());
}

/** @internal */
export function encodeByHand(text: string): Uint8Array {
  const bytes = new Uint8Array(3 * text.length);
  let length = 0;
  for (const letter of text) {
    const point = letter.codePointAt(0)!;
    const code = point >= 0xd800 && point < 0xe000 ? REPLACEMENT : point;
    const more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3;
    // As many leading ones as there are bytes, if there is more than one.
    bytes[length++] = (code >>> (6 * more)) | (more === 0 ? 0 : 0xff80 >>> more);
    for (let left = more - 1; left >= 0; left -= 1) {
      bytes[length++] = ((code >>> (6 * left)) & 0x3f) | 0x80;
    }
  }
  return bytes.subarray(0, length);
}

/** @internal */
export function decodeByHand(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length;) {
    const first = bytes[at++]!;
    let more =
      first < 0x80
        ? 0
        : first < 0xc2
          ? -1
          : first < 0xe0
            ? 1
            : first < 0xf0
              ? 2
              : first < 0xf5
                ? 3
                : -1;
    let code = more > 0 ? first & (0x3f >>> more) : first;
    // The second byte's range leaves out surrogates, what is beyond Unicode, and longer forms of shorter codes.
    let lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    let highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    for (; more > 0 && bytes[at]! >= lowest && bytes[at]! <= highest; more -= 1) {
      code = (code << 6) | (bytes[at++]! & 0x3f);
      lowest = 0x80;
      highest = 0xbf;
    }
    text += String.fromCodePoint(more === 0 ? code : REPLACEMENT);
  }
  return text;
}
