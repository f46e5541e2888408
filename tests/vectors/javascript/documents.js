// What each document must hold: the CDDL's maps, as functions that refuse.
import { Refused } from "./cbor.js";

const malformed = (what) => {
  throw new Refused("malformed", what);
};

const text = (value) => {
  if (typeof value !== "string" || [...value].length < 1 || [...value].length > 200) malformed("no text");
};
const match = (pattern) => (value) => {
  if (typeof value !== "string" || !pattern.test(value)) malformed(`not ${pattern}`);
};
const language = match(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/);
const oneOf = (...words) => (value) => {
  if (!words.includes(value)) malformed(`none of ${words}`);
};
const bytes = (least, most = least) => (value) => {
  if (!(value instanceof Uint8Array) || value.length < least || value.length > most) malformed("no such bytes");
};
const integer = (least, most = Number.MAX_SAFE_INTEGER) => (value) => {
  if (typeof value !== "bigint" || value < BigInt(least) || value > BigInt(most)) {
    malformed("no such integer");
  }
};
const float = (least = -Infinity, most = Infinity) => (value) => {
  if (typeof value === "bigint") throw new Refused("not-canonical", "an integer where a float stands");
  if (typeof value !== "number" || value < least || value > most) malformed("no such float");
};
const bool = (value) => {
  if (typeof value !== "boolean") malformed("not true or false");
};
const list = (each, least = 0, most = Infinity) => (value) => {
  if (!Array.isArray(value) || value.length < least || value.length > most) malformed("no such list");
  value.forEach(each);
};
const tuple = (...each) => (value) => {
  if (!Array.isArray(value) || value.length !== each.length) malformed("no such tuple");
  value.forEach((inner, i) => each[i](inner));
};
// A field that may be absent. Its default may not be spelt out: one document has one encoding.
const optional = (each, isDefault = (value) => value === null) => ({ each, isDefault });
const map = (fields, whole = () => {}) => (value) => {
  if (!(value instanceof Map)) malformed("no map");
  for (const key of value.keys()) if (!Object.hasOwn(fields, key)) malformed(`unknown field ${key}`);
  for (const [key, field] of Object.entries(fields)) {
    const inner = value.get(key);
    if (typeof field === "function") {
      if (inner === undefined) malformed(`no ${key}`);
      field(inner);
    } else if (inner !== undefined) {
      if (field.isDefault(inner)) throw new Refused("not-canonical", `${key} spells out its default`);
      field.each(inner);
    }
  }
  whole(value);
};
const distinct = (values, what) => {
  if (new Set(values.map(String)).size !== values.length) malformed(what);
};

const id = match(/^[a-z0-9-]{1,32}$/);
const seconds = integer(0, 2 ** 40);
const count = integer(0);
const zero = (value) => value === 0n;
const pixels = integer(0, 100_000);
const offset = integer(-100_000, 100_000);
const clock = oneOf("synchronised", "holdover", "unset");
const controller = map({ "dct:title": text, "dpv:hasContact": text });
const ME = "dpv:DataSubject";
const TRACING = "homeward:TracingByNGO";

const consent = map(
  {
    "dct:conformsTo": oneOf("https://w3id.org/dpv/guides/consent-27560"),
    "dct:identifier": match(/^urn:uuid:[0-9a-f-]{36}$/),
    "dct:language": language,
    "dpv:hasDataSubject": oneOf("dpv:Adult", "dpv:Child"),
    "dpv:hasNotice": map({ "dct:identifier": text, "homeward:sha256": bytes(32) }),
    "homeward:asked": list(
      tuple(
        oneOf(TRACING, "homeward:SharingWithPartnerRegistries", "homeward:PublicAppeal"),
        oneOf(ME, "dpv:ParentOfDataSubject", "dpv:GuardianOfDataSubject", "homeward:ShelterStaff"),
        seconds,
        oneOf("dpv:ConsentGiven", "dpv:ConsentRefused", "dpv:ConsentWithdrawn"),
        text, // the method
        integer(0, 600_000), // how long the button was held, in milliseconds
      ),
      1,
      8,
    ),
    "dpv:hasPersonalData": list(text),
    "dpv:hasDataController": controller,
    "dpv:hasRecipient": list(text, 1, 16),
    "dpv:hasStorageCondition": map({ "dpv:hasLocation": text, "dpv:hasDuration": match(/^P[1-9][0-9]{0,4}D$/) }),
    "dpv:hasJurisdiction": text,
    "dpv:hasConsentControl": text,
  },
  (whole) => {
    const asked = whole.get("homeward:asked").map(([purpose, by]) => [purpose, by]);
    distinct(asked, "a question put twice");
    if (asked[0][0] !== TRACING || asked[0][1] !== ME) malformed("tracing is not asked first");
    const parties = new Set(asked.map(([, by]) => by)).size;
    if (parties !== (whole.get("dpv:hasDataSubject") === "dpv:Child" ? 2 : 1)) malformed("asked of too few or many");
  },
);

function allowsTracing(consentMap) {
  const answers = consentMap.get("homeward:asked");
  const given = answers.filter(([purpose, , , status]) => purpose === TRACING && status === "dpv:ConsentGiven");
  const parties = (some) => new Set(some.map(([, by]) => by)).size;
  return parties(given) === parties(answers);
}

const der = bytes(1, 2048);
const kid = bytes(8);
const point = tuple(float(-100_000, 100_000), float(-100_000, 100_000));
const face = map({
  image: bytes(1, 102_400),
  media_type: oneOf("image/jpeg"),
  width: pixels,
  height: pixels,
  box: tuple(offset, offset, pixels, pixels),
  landmarks: list(point, 0, 6),
  measures: map({ sharpness: float(), exposure: float(), eye_distance: optional(float()), yaw: optional(float()) }),
  detector: text,
  models: list(bytes(32), 0, 4),
});

export const report = map(
  {
    site: map({
      id: text,
      name: text,
      latitude: float(-90, 90),
      longitude: float(-180, 180),
      accuracy_m: pixels,
      area: text,
    }),
    captured: map({ utc: seconds, quality: clock, error_ms: optional(count), boot_id: text, uptime_ms: count }),
    consent,
    consent_salt: bytes(16),
    faces: list(face, 1, 4),
    receipt_code: (value) => {
      if (typeof value !== "string" || [...value].length < 8 || [...value].length > 32) malformed("no receipt code");
    },
  },
  (whole) => {
    if (!allowsTracing(whole.get("consent"))) malformed("no consent to tracing");
  },
);

const publicPoints = list(bytes(65), 1, 4);
export const bundle = map(
  {
    fleet: id,
    version: integer(1),
    issued_at: seconds,
    expires_at: seconds,
    controller,
    jurisdiction: text,
    recipients: list(
      map({ name: text, holder: oneOf("caseworker", "escrow"), key: bytes(1216), withdrawal_key: optional(bytes(65)) }),
      1,
      16,
    ),
    receipt_keys: publicPoints,
    order_keys: publicPoints,
  },
  (whole) => {
    const recipients = whole.get("recipients");
    distinct(recipients.map((r) => r.get("key")), "a recipient twice");
    const signing = recipients.map((r) => r.get("withdrawal_key")).filter((key) => key !== undefined);
    distinct(signing, "a withdrawal key twice");
    if (!recipients.some((r) => r.get("holder") === "escrow")) malformed("no escrow");
  },
);

export const registry = map(
  {
    fleet: id,
    version: integer(1),
    issued_at: seconds,
    keys: list(map({ kiosk: id, key: bytes(65), revoked_at: optional(seconds) })),
  },
  (whole) => distinct(whole.get("keys").map((entry) => entry.get("key")), "a key twice"),
);

export const receipt = map({
  kiosk: id,
  at: seconds,
  entries: list(
    map({
      record_id: bytes(16),
      sha256: bytes(32),
      outcome: oneOf("stored", "duplicate", "quarantined", "erased", "not-held"),
      reason: optional(match(/^[a-z0-9-]{1,40}$/)),
    }),
    1,
    64,
  ),
});

const withdrawn = map({ record_id: bytes(16), sha256: bytes(32), epoch: bytes(16), seq: integer(1) });
export const withdrawal = map({
  fleet: id,
  kiosk: id,
  record_id: bytes(16),
  issued_at: count,
  epoch: bytes(16),
  seq: integer(1),
  previous: bytes(32),
  withdraws: withdrawn,
});
export const deskWithdrawal = map({ fleet: id, kiosk: id, issued_at: seconds, withdraws: withdrawn });

const sentence = (place) => (value) => {
  match(/^(?! )(?:[^\x00-\x1f\x7f-\x9f{}]|\{(?:ngo|telephone|days)\})+$/u)(value);
  if ([...value].length > 400 || !value.includes(place)) malformed("no such sentence");
};
const noticeWords = map({
  who_sees: sentence("{ngo}"),
  what_for: sentence(""),
  how_long: sentence("{days}"),
  take_back: sentence("{telephone}"),
  free: sentence(""),
});
const byLanguage = (value) => {
  if (!(value instanceof Map) || value.size < 1 || value.size > 20) malformed("no words by language");
  for (const [code, words] of value) {
    language(code);
    noticeWords(words);
  }
};

export const orders = map({
  fleet: id,
  kiosk: id,
  version: integer(1),
  issued_at: seconds,
  mode: oneOf("serve", "pause", "wipe"),
  settings: optional(
    (value) => {
      if (!(value instanceof Map)) malformed("no settings");
      for (const [key, setting] of value) {
        const plain = ["string", "bigint", "number", "boolean"].includes(typeof setting);
        if (typeof key !== "string" || !plain) malformed("no setting");
        if (typeof setting === "bigint") integer(Number.MIN_SAFE_INTEGER)(setting);
      }
    },
    (value) => value instanceof Map && value.size === 0,
  ),
  bundle: optional(bytes(0, Infinity)),
  authorities: optional(list(der, 1, 2)),
  notice: optional(map({ id: text, words: byLanguage })),
});

export const health = map({
  kiosk: id,
  version: text,
  boot_id: text,
  uptime_ms: count,
  clock,
  ready: bool,
  blocked_by: optional(text),
  orders_version: count,
  bundle_version: count,
  models: list(bytes(32)),
  epoch: bytes(16),
  highest_seq: count,
});

export const status = map({
  kiosk: id,
  online: bool,
  version: text,
  health: optional(bytes(0, Infinity)),
  backlog: optional(count, zero),
  backlog_bytes: optional(count, zero),
  refused: optional(count, zero),
  free_bytes: optional(count),
  temperature_c: optional(float(-100, 200)),
  certified_by: optional(kid),
});

export const application = map({ request: bytes(1, 8000), mac: bytes(32) });
export const enrolmentRequest = map({ fleet: id, kiosk: id, name: id, signing: der, tls: der });
export const enrolmentReply = map(
  {
    fleet: id,
    kiosk: id,
    request: bytes(32),
    at: seconds,
    bundle: bytes(0, Infinity),
    signing: optional(der),
    tls: optional(der),
    refused: optional(text),
  },
  (whole) => {
    const [signing, tls, refused] = ["signing", "tls", "refused"].map((key) => whole.has(key));
    if (signing !== tls || signing === refused) malformed("neither two certificates nor a refusal");
  },
);

const partNumber = integer(1, 100_000);
export const roll = map({
  fleet: id,
  at: seconds,
  part: partNumber,
  parts: partNumber,
  kiosks: list(
    map({
      kiosk: id,
      at: seconds,
      status: bytes(0, 8192),
      missing: optional(count, zero),
      doubt: optional(text),
    }),
  ),
  by: optional(
    map({
      intake: id,
      bundle: integer(1),
      registry: integer(1),
      authorities: list(kid, 1, 4),
      certified_by: optional(kid),
    }),
  ),
});
export const trustPart = map({
  what: oneOf("bundle", "registry"),
  version: integer(1),
  part: partNumber,
  parts: partNumber,
  content: bytes(1, 98_304),
});
