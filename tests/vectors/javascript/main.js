// node main.js read VECTORS   prints {"vector": "outcome", …} for fleet.json and cases/ under VECTORS
// node main.js seal           reads one JSON request from standard input, prints the sealed record in hex
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decode, encode, equal, Refused } from "./cbor.js";
import { hex, kid, parseSign1, sha256, type, unhex, verify, verifiedDocument } from "./cose.js";
import * as documents from "./documents.js";
import * as record from "./record.js";

async function readAll(folder) {
  const plain = JSON.parse(readFileSync(join(folder, "fleet.json")));
  const fleet = await trust(plain);
  const outcomes = {};
  for (const file of readdirSync(join(folder, "cases")).sort()) {
    const vector = JSON.parse(readFileSync(join(folder, "cases", file)));
    outcomes[vector.name] = await outcome(vector, fleet);
  }
  return outcomes;
}

async function outcome(vector, fleet) {
  try {
    await readers[vector.kind](vector.input === undefined ? undefined : unhex(vector.input), vector, fleet);
    return "ok";
  } catch (fault) {
    if (fault instanceof Refused) return fault.code;
    throw fault;
  }
}

async function trust(plain) {
  const root = unhex(plain.signers.root.public);
  const bundle = await readBundle(unhex(plain.bundle), { root }, { at_least: 1, now: 0 });
  const fleet = { root, bundle, recipients: plain.recipients };
  fleet.registry = await readRegistry(unhex(plain.registry), fleet, { at_least: 1 });
  return fleet;
}

async function readBundle(bytes, { root }, { at_least, now }) {
  const content = await verifiedDocument(bytes, "bundle", [root]);
  documents.bundle(content);
  if (content.get("version") < BigInt(at_least)) throw new Refused("rolled-back", "an older bundle");
  if (BigInt(now) > content.get("expires_at")) throw new Refused("expired", "an old bundle");
  return content;
}

async function readRegistry(bytes, { bundle }, { at_least }) {
  const content = await verifiedDocument(bytes, "registry", bundle.get("order_keys"), 64 * 1024 * 1024);
  documents.registry(content);
  if (content.get("fleet") !== bundle.get("fleet")) throw new Refused("unknown-signer", "another fleet");
  if (content.get("version") < BigInt(at_least)) throw new Refused("rolled-back", "an older registry");
  const keys = content.get("keys").map((entry) => ({
    kiosk: entry.get("kiosk"),
    key: entry.get("key"),
    revoked: entry.has("revoked_at"),
  }));
  return { fleet: content.get("fleet"), keys };
}

async function readRecord(bytes, { arrived_on, opened_by, plain, claims }, { registry, recipients }) {
  const parsed = record.parse(bytes);
  await record.verify(parsed, registry, arrived_on);
  for (const name of opened_by) {
    const privateKey = unhex(recipients[name].private);
    const opened = await record.open(parsed, { privateKey, publicKey: unhex(recipients[name].public) });
    const report = decode(opened);
    documents.report(report);
    const bound = sha256(report.get("consent_salt"), encode(report.get("consent")));
    if (!equal(bound, parsed.claims[-65606])) throw new Refused("consent-mismatch", "another consent");
    if (plain !== undefined && hex(opened) !== plain) throw new Error("another report than the vector's");
    for (const [label, value] of Object.entries(claims ?? {})) {
      const found = parsed.claims[label];
      const same = found instanceof Uint8Array ? hex(found) === value : String(found) === String(value);
      if (!same) throw new Error(`another claim ${label} than the vector's`);
    }
  }
}

async function readHealth(bytes, _, { registry }) {
  const message = parseSign1(bytes, type("health"), 4096);
  const owner = registry.keys.find(({ key }) => equal(kid(key), message.kid));
  if (!owner) throw new Refused("unknown-signer", "not in the registry");
  const content = decode(await verify(message, owner.key), { maxBytes: 4096 });
  documents.health(content);
  if (content.get("kiosk") !== owner.kiosk) throw new Refused("wrong-signer", "another kiosk's health");
}

const readers = {
  record: readRecord,
  bundle: (bytes, vector, fleet) => readBundle(bytes, fleet, vector),
  registry: (bytes, vector, fleet) => readRegistry(bytes, fleet, vector),
  health: readHealth,
  cbor: (bytes, { max_bytes, tags }) => decode(bytes, { maxBytes: max_bytes, tags }),

  async arrivals(_, { arrivals }, { registry }) {
    const known = new Map();
    for (const { input, expect } of arrivals) {
      const parsed = record.parse(unhex(input));
      await record.verify(parsed, registry);
      const [id, hash] = [hex(parsed.claims[7]), hex(sha256(unhex(input)))];
      const found = !known.has(id) ? "stored" : known.get(id) === hash ? "duplicate" : "replay";
      if (found !== expect) throw new Error(`${found}, not ${expect}`);
      if (found === "stored") known.set(id, hash);
    }
  },

  async receipt(bytes, { kept }, { bundle }) {
    const content = await verifiedDocument(bytes, "receipt", bundle.get("receipt_keys"), 1024);
    documents.receipt(content);
    if (kept !== undefined && kept !== (content.get("outcome") !== "quarantined")) throw new Error("kept or not?");
  },

  async orders(bytes, { fleet, kiosk, newer_than }, { bundle }) {
    const content = await verifiedDocument(bytes, "orders", bundle.get("order_keys"));
    documents.orders(content);
    if (content.get("fleet") !== fleet || content.get("kiosk") !== kiosk) throw new Refused("unknown-signer", "not ours");
    if (content.get("version") <= BigInt(newer_than)) throw new Refused("rolled-back", "older orders");
  },

  async status(bytes, vector, fleet) {
    const content = decode(bytes, { maxBytes: 8192 });
    documents.status(content);
    if (content.has("health")) await readHealth(content.get("health"), vector, fleet);
  },
};

function sealRequest({ plain, claims, recipients, signer }) {
  const typed = Object.entries(claims).map(([label, value]) => [
    BigInt(label),
    typeof value === "number" ? BigInt(value) : ["1", "-65607"].includes(label) ? value : unhex(value),
  ]);
  const keys = { privateKey: unhex(signer.private), publicKey: unhex(signer.public) };
  return record.seal(unhex(plain), new Map(typed), recipients.map(unhex), keys);
}

const [command, folder] = process.argv.slice(2);
if (command === "read") console.log(JSON.stringify(await readAll(folder)));
else if (command === "seal") console.log(hex(await sealRequest(JSON.parse(readFileSync(0)))));
else throw new Error("read VECTORS, or seal");
