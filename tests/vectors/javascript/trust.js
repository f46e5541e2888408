// Whom a server trusts: the bundle, signed by the fleet's root, and the registry of kiosks, signed by its orders keys.
import { Refused } from "./cbor.js";
import { verifiedDocument } from "./cose.js";
import * as documents from "./documents.js";

export async function readBundle(bytes, { root }, { at_least, now }) {
  const content = await verifiedDocument(bytes, "bundle", [root]);
  documents.bundle(content);
  if (content.get("version") < BigInt(at_least)) throw new Refused("rolled-back", "an older bundle");
  if (BigInt(now) > content.get("expires_at")) throw new Refused("expired", "an old bundle");
  return content;
}

export async function readRegistry(bytes, { bundle }, { at_least }) {
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
