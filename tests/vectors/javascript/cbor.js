// Deterministic CBOR (RFC 8949, 4.2.1): what re-encodes to the same bytes, and holds nothing but what the format uses.
// Integers are BigInt and floats are Number here, so that 1 and 1.0 stay apart.
import { decodeSequence, encode as encodeAny, Tag } from "cbor2";

const MAX_DEPTH = 12;

// What an input is refused with: one of the codes in docs/wire-format.md.
export class Refused extends Error {
  constructor(code, message) {
    super(`${code}: ${message}`);
    this.code = code;
  }
}

export function encode(value) {
  return encodeAny(value, { cde: true, avoidInts: true, collapseBigInts: true });
}

export function decode(bytes, { maxBytes = 131_072, tags = [] } = {}) {
  if (bytes.length > maxBytes) throw new Refused("too-large", `${bytes.length} bytes`);
  const { value, length } = decodePrefix(bytes, tags);
  if (length !== bytes.length) throw new Refused("not-canonical", "bytes after the end");
  return value;
}

export function decodePrefix(bytes, tags = []) {
  let value, done;
  try {
    const options = { preferBigInt: true, preferMap: true, ignoreGlobalTags: true, keepNanPayloads: false };
    ({ value, done } = decodeSequence(bytes, options).next());
  } catch (fault) {
    throw new Refused("malformed", fault.message);
  }
  if (done) throw new Refused("malformed", "no bytes");
  check(value, tags, MAX_DEPTH);
  const again = encode(value);
  if (!equal(again, bytes.subarray(0, again.length))) throw new Refused("not-canonical", "another encoding");
  return { value, length: again.length };
}

export function equal(a, b) {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function check(value, tags, depth) {
  if (depth === 0) throw new Refused("malformed", "too deep");
  if (value instanceof Map) {
    for (const [key, inner] of value) {
      if (typeof key !== "bigint" && typeof key !== "string") throw new Refused("malformed", "a key of another type");
      check(inner, tags, depth - 1);
    }
  } else if (Array.isArray(value)) {
    for (const inner of value) check(inner, tags, depth - 1);
  } else if (value instanceof Tag) {
    if (!tags.includes(Number(value.tag))) throw new Refused("malformed", `tag ${value.tag}`);
    check(value.contents, tags, depth - 1);
  } else if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new Refused("malformed", "not finite");
  } else if (!["bigint", "string", "boolean"].includes(typeof value) && value !== null) {
    if (!(value instanceof Uint8Array)) throw new Refused("malformed", "a simple value");
  }
}
