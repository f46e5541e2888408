// node server.js SETTINGS.json: a central server of its own, small but whole. It subscribes to a fleet's records, verifies
// each, keeps it as a file, answers with a signed receipt, and only then acknowledges.
import { createPrivateKey } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { connectAsync } from "mqtt";
import { encode, Refused } from "./cbor.js";
import { hex, sha256, sign1, type, unhex } from "./cose.js";
import * as documents from "./documents.js";
import * as record from "./record.js";
import { readBundle, readRegistry } from "./trust.js";

const settings = JSON.parse(readFileSync(process.argv[2]));
const root = unhex(readFileSync(settings.root, "utf8").trim());
const bundle = await readBundle(bytesOf(settings.bundle), { root }, { at_least: 1, now: now() });
const registry = await readRegistry(bytesOf(settings.registry), { bundle }, { at_least: 1 });
const receiptKey = readKey(settings.receipt_key);

function bytesOf(path) {
  return new Uint8Array(readFileSync(path));
}

function now() {
  return Math.floor(Date.now() / 1000);
}

function readKey(path) {
  const { d, x, y } = createPrivateKey(readFileSync(path)).export({ format: "jwk" });
  const raw = (part) => new Uint8Array(Buffer.from(part, "base64url"));
  return { privateKey: raw(d), publicKey: Uint8Array.of(4, ...raw(x), ...raw(y)) };
}

async function keep(id, bytes) {
  const path = join(settings.store, hex(id));
  if (existsSync(path)) return "duplicate"; // a server that means it compares the bytes: another's are a replay
  const file = await open(path, "wx");
  await file.writeFile(bytes);
  await file.sync();
  await file.close();
  return "stored";
}

async function take(topic, bytes) {
  const parsed = record.parse(bytes);
  const id = parsed.claims[7];
  try {
    await record.verify(parsed, registry, topic);
  } catch (fault) {
    if (!(fault instanceof Refused)) throw fault;
    return { id, outcome: "quarantined", reason: fault.code };
  }
  return { id, outcome: await keep(id, bytes) };
}

async function receipt(kiosk, bytes, { id, outcome, reason }) {
  const entry = new Map([["record_id", id], ["sha256", sha256(bytes)], ["outcome", outcome]]);
  if (reason !== undefined) entry.set("reason", reason);
  const content = new Map([["kiosk", kiosk], ["at", BigInt(now())], ["entries", [entry]]]);
  documents.receipt(content);
  return sign1(encode(content), type("receipt"), receiptKey);
}

async function serve(topic, payload) {
  const [, , fleet, kiosk] = topic.split("/");
  const bytes = new Uint8Array(payload);
  const fate = await take(topic, bytes);
  const about = { qos: 1, properties: { contentType: "application/cose" } };
  const answer = Buffer.from(await receipt(kiosk, bytes, fate));
  // Sent before our acknowledgement, but not waited for: MQTT.js reads nothing, no PUBACK either, until that is given.
  // A receipt that is lost costs a sending: the kiosk asks again.
  client.publish(`homeward/1/${fleet}/${kiosk}/receipts`, answer, about);
  console.log(JSON.stringify({ event: "taken", record: hex(fate.id), outcome: fate.outcome }));
}

const client = await connectAsync(settings.broker, {
  protocolVersion: 5,
  clientId: settings.client_id,
  clean: false,
  properties: { sessionExpiryInterval: 86_400, receiveMaximum: 20 },
  ca: readFileSync(settings.ca),
  cert: readFileSync(settings.certificate),
  key: readFileSync(settings.key),
  minVersion: "TLSv1.3",
  customHandleAcks: (topic, payload, _packet, done) => {
    serve(topic, payload).then(
      () => done(0),
      (fault) => (fault instanceof Refused ? done(0) : done(fault)), // what has no form of a record is not for us
    );
  },
});
const granted = await client.subscribeAsync(`homeward/1/${registry.fleet}/+/records`, { qos: 1 });
if (granted.some(({ qos }) => qos !== 1)) throw new Error("the broker denies us the kiosks' topics");
console.log(JSON.stringify({ event: "ready" }));
process.on("SIGTERM", () => client.endAsync().then(() => process.exit(0)));
