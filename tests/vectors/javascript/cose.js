// COSE_Sign1 (RFC 9052) with ES256.
import { createHash, webcrypto } from "node:crypto";
import { Tag } from "cbor2";
import { decode, encode, equal, Refused } from "./cbor.js";

const CURVE = { name: "ECDSA", namedCurve: "P-256" };
const ES256 = { name: "ECDSA", hash: "SHA-256" };
const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n; // of P-256

export const hex = (bytes) => Buffer.from(bytes).toString("hex");
export const unhex = (text) => new Uint8Array(Buffer.from(text, "hex"));
export const sha256 = (...parts) =>
  new Uint8Array(parts.reduce((hash, part) => hash.update(part), createHash("sha256")).digest());
export const kid = (publicKey) => sha256(publicKey).subarray(0, 8);
export const type = (name) => `application/vnd.homeward.${name}.v1+cose`;

// The value of a map with exactly these keys, or undefined.
export function exactly(map, ...keys) {
  if (!(map instanceof Map) || map.size !== keys.length) return undefined;
  const values = keys.map((key) => map.get(typeof key === "number" ? BigInt(key) : key));
  return values.includes(undefined) ? undefined : values;
}

export const isBytes = (value, length) =>
  value instanceof Uint8Array && (length === undefined || value.length === length);

export function parseSign1(bytes, types, maxBytes) {
  const message = decode(bytes, { maxBytes, tags: [18] });
  if (!(message instanceof Tag) || !Array.isArray(message.contents) || message.contents.length !== 4) {
    throw new Refused("malformed", "no COSE_Sign1");
  }
  const [protectedBytes, unprotected, payload, signature] = message.contents;
  if (!isBytes(protectedBytes) || !isBytes(payload) || !isBytes(signature, 64)) {
    throw new Refused("malformed", "a part of another type");
  }
  if (!exactly(unprotected)) throw new Refused("malformed", "unprotected headers");
  const headers = exactly(decode(protectedBytes), 1, 4, 16);
  if (!headers || typeof headers[0] !== "bigint" || !isBytes(headers[1], 8) || typeof headers[2] !== "string") {
    throw new Refused("malformed", "other protected headers");
  }
  if (headers[0] !== -7n || ![types].flat().includes(headers[2])) throw new Refused("unknown-version", headers[2]);
  return { typ: headers[2], kid: headers[1], protectedBytes, payload, signature };
}

export async function verify({ protectedBytes, payload, signature }, publicKey) {
  const s = BigInt(`0x${hex(signature.subarray(32))}`);
  if (s > ORDER / 2n) throw new Refused("bad-signature", "the larger s");
  const key = await webcrypto.subtle.importKey("raw", publicKey, CURVE, false, ["verify"]);
  const holds = await webcrypto.subtle.verify(ES256, key, signature, toBeSigned(protectedBytes, payload));
  if (!holds) throw new Refused("bad-signature", "does not hold");
  return payload;
}

export async function verifiedDocument(bytes, name, trusted, maxBytes = 131_072) {
  const message = parseSign1(bytes, type(name), maxBytes);
  const key = trusted.find((publicKey) => equal(kid(publicKey), message.kid));
  if (!key) throw new Refused("unknown-signer", hex(message.kid));
  return decode(await verify(message, key), { maxBytes });
}

export async function sign1(payload, typ, { privateKey, publicKey }) {
  const headers = new Map([[1n, -7n], [4n, kid(publicKey)], [16n, typ]]);
  const protectedBytes = encode(headers);
  const part = (bytes) => Buffer.from(bytes).toString("base64url");
  const point = { x: part(publicKey.subarray(1, 33)), y: part(publicKey.subarray(33)) };
  const secret = { kty: "EC", crv: "P-256", ...point, d: part(privateKey) };
  const key = await webcrypto.subtle.importKey("jwk", secret, CURVE, false, ["sign"]);
  const made = new Uint8Array(await webcrypto.subtle.sign(ES256, key, toBeSigned(protectedBytes, payload)));
  const s = BigInt(`0x${hex(made.subarray(32))}`);
  const smaller = s > ORDER / 2n ? ORDER - s : s;
  const signature = unhex(hex(made.subarray(0, 32)) + smaller.toString(16).padStart(64, "0"));
  return encode(new Tag(18n, [protectedBytes, new Map(), payload, signature]));
}

function toBeSigned(protectedBytes, payload) {
  return encode(["Signature1", protectedBytes, new Uint8Array(), payload]);
}
