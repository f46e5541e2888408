// How a kiosk gets its certificates: what it asks, what one in service asks, what the office answers.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { decode, equal, Refused } from "./cbor.js";
import { hex, kid, parseSign1, sha256, type, verify } from "./cose.js";
import * as documents from "./documents.js";
import { readBundle } from "./trust.js";

const LIST = new URL("../../../edge_agent/wire/words.txt", import.meta.url);

export function readApplication(bytes, secret) {
  const content = decode(bytes, { maxBytes: 8192 });
  documents.application(content);
  const [request, mac] = [content.get("request"), content.get("mac")];
  const right = createHmac("sha256", secret).update("homeward/v1 enrolment").update(request).digest();
  if (!timingSafeEqual(right, mac)) throw new Refused("bad-signature", "not made with this secret");
  const asked = decode(request, { maxBytes: 8192 });
  documents.enrolmentRequest(asked);
  return asked;
}

// The first 66 bits of the hash, eleven a word.
export function words(bytes) {
  const list = readFileSync(LIST, "ascii").trim().split("\n");
  const bits = [...sha256(bytes)].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  return [0, 1, 2, 3, 4, 5].map((n) => list[parseInt(bits.slice(11 * n, 11 * n + 11), 2)]).join(" ");
}

export async function readRenewal(bytes, registry) {
  const message = parseSign1(bytes, type("renewal"), 8192);
  const owner = registry.keys.find(({ key }) => equal(kid(key), message.kid));
  if (!owner) throw new Refused("unknown-signer", "not in the registry");
  if (owner.revoked) throw new Refused("revoked", owner.kiosk);
  const asked = decode(await verify(message, owner.key), { maxBytes: 8192 });
  documents.enrolmentRequest(asked);
  const named = ["fleet", "kiosk", "name"].map((key) => asked.get(key));
  if (String(named) !== String([registry.fleet, owner.kiosk, owner.kiosk])) {
    throw new Refused("unknown-signer", "a renewal of another kiosk");
  }
}

// The orders key that signed the answer stands in the bundle inside, which the root signed.
export async function readReply(bytes, root, request) {
  const message = parseSign1(bytes, type("enrolment"), 131_072);
  const content = decode(message.payload);
  documents.enrolmentReply(content);
  const bundle = await readBundle(content.get("bundle"), { root }, { at_least: 1, now: 0 });
  const key = bundle.get("order_keys").find((point) => equal(kid(point), message.kid));
  if (!key) throw new Refused("unknown-signer", hex(message.kid));
  await verify(message, key);
  if (content.get("fleet") !== bundle.get("fleet") || !equal(content.get("request"), sha256(request))) {
    throw new Refused("unknown-signer", "the answer to another request");
  }
  return content;
}
