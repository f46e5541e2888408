// node main.js read VECTORS   prints {"vector": "outcome", …} for fleet.json and cases/ under VECTORS
// node main.js seal           reads one JSON request from standard input, prints the sealed record in hex
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { decode, encode, equal, Refused } from "./cbor.js";
import { hex, kid, parseSign1, sha256, type, unhex, verify, verifiedDocument } from "./cose.js";
import * as documents from "./documents.js";
import * as enrolment from "./enrolment.js";
import * as record from "./record.js";
import { readBundle, readRegistry } from "./trust.js";

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
    const captured = report.get("captured");
    const sealedAt = captured.get("quality") === "unset" ? 0n : captured.get("utc");
    const days = BigInt(report.get("consent").get("dpv:hasStorageCondition").get("dpv:hasDuration").slice(1, -1));
    if (parsed.claims[6] !== sealedAt || parsed.claims[4] !== sealedAt + days * 86_400n) {
      throw new Refused("consent-mismatch", "another end");
    }
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

async function readWithdrawal(bytes, registry, arrivedOn) {
  const signed = parseSign1(bytes, type("withdrawal"), 1024);
  const content = decode(signed.payload, { maxBytes: 1024 });
  documents.withdrawal(content);
  const [fleet, kiosk] = [content.get("fleet"), content.get("kiosk")];
  const claims = { 1: kiosk, "-65607": `homeward/1/${fleet}/${kiosk}/records` };
  await record.verify({ signed, claims: { ...claims, fleet } }, registry, arrivedOn);
  return content;
}

async function readDeskWithdrawal(bytes, _, { bundle }) {
  const keys = bundle.get("recipients").map((r) => r.get("withdrawal_key")).filter((key) => key !== undefined);
  const content = await verifiedDocument(bytes, "desk-withdrawal", keys, 1024);
  documents.deskWithdrawal(content);
  if (content.get("fleet") !== bundle.get("fleet")) throw new Refused("unknown-signer", "another fleet's");
  return content;
}

async function readStatus(bytes, vector, fleet) {
  const content = decode(bytes, { maxBytes: 8192 });
  documents.status(content);
  if (content.has("health")) await readHealth(content.get("health"), vector, fleet);
}

// A kiosk whose status can't be believed takes nothing from the rest of the roll.
async function readRoll(bytes, { at_least, statuses }, fleet) {
  const content = await verifiedDocument(bytes, "roll", fleet.bundle.get("receipt_keys"), 1024 * 1024);
  documents.roll(content);
  if (content.get("fleet") !== fleet.bundle.get("fleet")) throw new Refused("unknown-signer", "another fleet's");
  if (content.get("at") < BigInt(at_least)) throw new Refused("rolled-back", "an older roll");
  const found = [];
  for (const entry of content.get("kiosks")) {
    found.push(await outcome({ kind: "status", input: hex(entry.get("status")) }, fleet));
  }
  if (statuses !== undefined && String(statuses) !== String(found)) throw new Error(`${found}, not ${statuses}`);
}

// What an intake does with one message after the other, in a few lines.
class Shelf {
  known = new Map(); // by record id: who, hash, epoch and number
  gone = new Set();
  came = new Set();

  async take(bytes, fleet) {
    const types = ["record", "withdrawal", "desk-withdrawal"].map(type);
    const { typ } = parseSign1(bytes, types, 131_072);
    if (typ === types[2]) {
      const content = await readDeskWithdrawal(bytes, undefined, fleet);
      return [this.takeBack(content.get("kiosk"), content.get("withdraws"))];
    }
    const content = typ === types[1] ? await readWithdrawal(bytes, fleet.registry) : undefined;
    const { kiosk, place } = content ? placeOf(content, sha256(bytes)) : await this.placeOfRecord(bytes, fleet);
    const [id, hash] = place;
    if (this.gone.has(String([kiosk, ...place]))) {
      this.came.add(id);
      return ["erased"];
    }
    const kept = this.known.get(id);
    if (kept && (kept[0] !== kiosk || kept[2] !== hash)) return ["replay"];
    const withdrawn = content ? this.takeBack(kiosk, content.get("withdraws")) : undefined;
    if (withdrawn && !["erased", "not-held"].includes(withdrawn)) return [withdrawn];
    this.known.set(id, [kiosk, ...place]);
    this.came.add(id);
    return [kept ? "duplicate" : "stored", withdrawn];
  }

  async placeOfRecord(bytes, { registry }) {
    const parsed = record.parse(bytes);
    await record.verify(parsed, registry);
    const { claims } = parsed;
    return { kiosk: claims[1], place: [hex(claims[7]), hex(sha256(bytes)), hex(claims[-65604]), claims[-65603]] };
  }

  takeBack(kiosk, named) {
    const { place } = placeOf(named, named.get("sha256"));
    const kept = this.known.get(place[0]);
    if (kept && kept[0] !== kiosk) return "wrong-signer";
    if (kept && String(kept) !== String([kiosk, ...place])) return "replay";
    this.gone.add(String([kiosk, ...place]));
    return this.came.has(place[0]) ? "erased" : "not-held";
  }
}

const placeOf = (content, hash) => ({
  kiosk: content.get("kiosk"),
  place: [hex(content.get("record_id")), hex(hash), hex(content.get("epoch")), content.get("seq")],
});

const readers = {
  record: readRecord,
  bundle: (bytes, vector, fleet) => readBundle(bytes, fleet, vector),
  registry: (bytes, vector, fleet) => readRegistry(bytes, fleet, vector),
  health: readHealth,
  cbor: (bytes, { max_bytes, tags }) => decode(bytes, { maxBytes: max_bytes, tags }),

  async arrivals(_, { arrivals }, fleet) {
    const shelf = new Shelf();
    for (const { input, expect, withdrawn } of arrivals) {
      const found = await shelf.take(unhex(input), fleet);
      if (found[0] !== expect || found[1] !== withdrawn) throw new Error(`${found}, not ${[expect, withdrawn]}`);
    }
  },

  async receipt(bytes, { lets_go }, { bundle }) {
    const content = await verifiedDocument(bytes, "receipt", bundle.get("receipt_keys"), 16_384);
    documents.receipt(content);
    const found = content.get("entries").map((entry) => entry.get("outcome") !== "quarantined");
    if (lets_go !== undefined && String(lets_go) !== String(found)) throw new Error("lets go or not?");
  },

  withdrawal: (bytes, { arrived_on }, { registry }) => readWithdrawal(bytes, registry, arrived_on),
  "desk-withdrawal": readDeskWithdrawal,

  async orders(bytes, { fleet, kiosk, newer_than }, { bundle }) {
    const content = await verifiedDocument(bytes, "orders", bundle.get("order_keys"));
    documents.orders(content);
    if (content.get("fleet") !== fleet || content.get("kiosk") !== kiosk) throw new Refused("unknown-signer", "not ours");
    if (content.get("version") <= BigInt(newer_than)) throw new Refused("rolled-back", "older orders");
  },

  status: readStatus,

  application(bytes, { secret, words }) {
    enrolment.readApplication(bytes, unhex(secret));
    if (enrolment.words(bytes) !== words) throw new Error("other words than the vector's");
  },

  renewal: (bytes, _, { registry }) => enrolment.readRenewal(bytes, registry),

  async enrolment(bytes, { request, refused }, { root }) {
    const content = await enrolment.readReply(bytes, root, unhex(request));
    if ((content.get("refused") ?? null) !== refused) throw new Error("certificates or not?");
  },

  roll: readRoll,
  "trust-part": (bytes) => documents.trustPart(decode(bytes)),
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
