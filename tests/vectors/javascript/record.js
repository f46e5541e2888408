// Sealed records: taken apart, verified, opened, and made.
import { createHmac, webcrypto } from "node:crypto";
import { Tag } from "cbor2";
import * as HPKE from "hpke";
import { decode, decodePrefix, encode, equal, Refused } from "./cbor.js";
import { exactly, isBytes, kid, parseSign1, sign1, type, verify as verifySignature } from "./cose.js";

const TYPE = type("record");
const MAX_BYTES = 131_072;
const TOPIC = /^homeward\/1\/([a-z0-9-]{1,32})\/([a-z0-9-]{1,32})\/(records|receipts|status|orders)$/;
const CLAIMS = {
  1: "text", 4: "integer", 6: "integer", 7: 16, "-65601": 8, "-65603": "integer", "-65604": 16, "-65605": 32, "-65606": 32,
  "-65607": "text", "-65608": 32,
};
const suite = new HPKE.CipherSuite(HPKE.KEM_MLKEM768_X25519, HPKE.KDF_SHAKE256, HPKE.AEAD_AES_256_GCM);

export function parse(bytes) {
  const signed = parseSign1(bytes, TYPE, MAX_BYTES);
  const message = decode(signed.payload, { tags: [96] });
  const parts = message instanceof Tag && Array.isArray(message.contents) ? message.contents : [];
  const [protectedBytes, unprotected, ciphertext, layers] = parts;
  const iv = exactly(unprotected, 5)?.[0];
  if (parts.length !== 4 || !isBytes(protectedBytes) || !isBytes(iv, 12) || !isBytes(ciphertext)) {
    throw new Refused("malformed", "no COSE_Encrypt");
  }
  if (!Array.isArray(layers) || layers.length < 1 || layers.length > 16) {
    throw new Refused("malformed", "not 1 to 16 recipients");
  }
  const headers = exactly(decode(protectedBytes), 1, 15, 16, -65602);
  if (!headers || typeof headers[2] !== "string" || !(headers[1] instanceof Map)) {
    throw new Refused("malformed", "other protected headers");
  }
  const [alg, claimsMap, typ, commitment] = headers;
  if (alg !== 3n || typ !== TYPE) throw new Refused("unknown-version", typ);
  if (!isBytes(commitment, 32)) throw new Refused("malformed", "a commitment of another length");
  const recipients = layers.map(parseRecipient);
  if (new Set(recipients.map(({ id }) => String(id))).size !== recipients.length) {
    throw new Refused("malformed", "a recipient twice");
  }
  const claims = parseClaims(claimsMap);
  if (!equal(claims[-65601], signed.kid)) throw new Refused("wrong-signer", "inside is not outside");
  return { signed, claims, protectedBytes, commitment, iv, ciphertext, recipients };
}

function parseRecipient(layer) {
  const [protectedBytes, unprotected, wrapped] = Array.isArray(layer) && layer.length === 3 ? layer : [];
  const ek = exactly(unprotected, -4)?.[0];
  if (!isBytes(protectedBytes) || !isBytes(ek, 1120) || !isBytes(wrapped, 48)) {
    throw new Refused("malformed", "no recipient");
  }
  const headers = exactly(decode(protectedBytes), 1, 4);
  if (!headers || typeof headers[0] !== "bigint" || !isBytes(headers[1], 8)) {
    throw new Refused("malformed", "other recipient headers");
  }
  if (headers[0] !== 57n) throw new Refused("unknown-version", `alg ${headers[0]}`);
  return { id: headers[1], protectedBytes, ek, wrapped };
}

function parseClaims(map) {
  const labels = Object.keys(CLAIMS);
  const values = exactly(map, ...labels.map(Number));
  if (!values) throw new Refused("malformed", "other claims");
  const claims = Object.fromEntries(labels.map((label, i) => [label, values[i]]));
  for (const [label, form] of Object.entries(CLAIMS)) {
    const value = claims[label];
    const right =
      form === "text" ? typeof value === "string" : form === "integer" ? typeof value === "bigint" : isBytes(value, form);
    if (!right) throw new Refused("malformed", `claim ${label}`);
  }
  const most = BigInt(Number.MAX_SAFE_INTEGER);
  const inOrder = claims[6] >= 0n && claims[6] < claims[4] && claims[4] <= most;
  if (claims[-65603] < 1n || claims[-65603] > most || !inOrder) throw new Refused("malformed", "a number out of range");
  const topic = TOPIC.exec(claims[-65607]);
  if (!topic) throw new Refused("malformed", "none of our topics");
  if (topic[2] !== claims[1] || topic[3] !== "records") throw new Refused("wrong-topic", "not its own");
  return { ...claims, fleet: topic[1] };
}

// `registry` has `fleet`, and `keys`: {kiosk, key, revoked}.
export async function verify(record, registry, arrivedOn) {
  const owner = registry.keys.find(({ key }) => equal(kid(key), record.signed.kid));
  if (!owner) throw new Refused("unknown-signer", "not in the registry");
  await verifySignature(record.signed, owner.key);
  if (owner.kiosk !== record.claims[1]) throw new Refused("wrong-signer", "another kiosk's key");
  if (record.claims.fleet !== registry.fleet) throw new Refused("wrong-topic", "another fleet");
  if (arrivedOn !== undefined && arrivedOn !== record.claims[-65607]) throw new Refused("wrong-topic", "came elsewhere");
  if (owner.revoked) throw new Refused("revoked", owner.kiosk);
}

export async function open(record, { privateKey, publicKey }) {
  const layer = record.recipients.find(({ id }) => equal(id, kid(publicKey)));
  if (!layer) throw new Refused("not-for-this-key", "sealed for others");
  const secret = await suite.DeserializePrivateKey(privateKey, false);
  const cek = await altered(suite.Open(secret, layer.ek, layer.wrapped, { info: info(layer.protectedBytes) }));
  if (!equal(commit(cek), record.commitment)) throw new Refused("bad-commitment", "another key");
  const key = await webcrypto.subtle.importKey("raw", cek, "AES-GCM", false, ["decrypt"]);
  const gcm = { name: "AES-GCM", iv: record.iv, additionalData: aad(record.protectedBytes) };
  const padded = new Uint8Array(await altered(webcrypto.subtle.decrypt(gcm, key, record.ciphertext)));
  const { length } = decodePrefix(padded);
  if (padded.length !== paddedLength(length) || padded.subarray(length).some((byte) => byte !== 0)) {
    throw new Refused("malformed", "padding");
  }
  return padded.subarray(0, length);
}

// `claims` is a Map as it goes into the header.
export async function seal(plain, claims, recipientKeys, signer) {
  const cek = webcrypto.getRandomValues(new Uint8Array(32));
  const iv = webcrypto.getRandomValues(new Uint8Array(12));
  const protectedBytes = encode(new Map([[1n, 3n], [15n, claims], [16n, TYPE], [-65602n, commit(cek)]]));
  const padded = new Uint8Array(paddedLength(plain.length));
  padded.set(plain);
  const key = await webcrypto.subtle.importKey("raw", cek, "AES-GCM", false, ["encrypt"]);
  const gcm = { name: "AES-GCM", iv, additionalData: aad(protectedBytes) };
  const ciphertext = new Uint8Array(await webcrypto.subtle.encrypt(gcm, key, padded));
  const recipients = [];
  for (const publicKey of recipientKeys) {
    const headers = encode(new Map([[1n, 57n], [4n, kid(publicKey)]]));
    const sealed = await suite.Seal(await suite.DeserializePublicKey(publicKey), cek, { info: info(headers) });
    recipients.push([headers, new Map([[-4n, sealed.encapsulatedSecret]]), sealed.ciphertext]);
  }
  const payload = encode(new Tag(96n, [protectedBytes, new Map([[5n, iv]]), ciphertext, recipients]));
  return sign1(payload, TYPE, signer);
}

const info = (recipientProtected) => encode(["HPKE Recipient", 3n, recipientProtected, new Uint8Array()]);
const aad = (protectedBytes) => encode(["Encrypt", protectedBytes, new Uint8Array()]);
const commit = (cek) => new Uint8Array(createHmac("sha256", cek).update("homeward/v1 cek commitment").digest());

// PADME: keep the topmost bits, as many as the exponent's own length and one.
function paddedLength(length) {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - (Math.floor(Math.log2(exponent)) + 1));
  return Math.ceil(length / Math.max(step, 1)) * Math.max(step, 1);
}

async function altered(opening) {
  try {
    return await opening;
  } catch {
    throw new Refused("altered", "does not open");
  }
}
