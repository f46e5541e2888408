"""A third reader: Python's cwt, on a profile that exists in these tests alone.

cwt 3.3.0 follows draft-ietf-cose-hpke-23 but knows no ML-KEM, so its recipients are X25519 by HPKE-3-KE. What this
proves: our COSE_Encrypt, its Enc_structure, our Recipient_structure and our COSE_Sign1 are read by somebody else's code
as we mean them. What it does not prove: anything about HPKE-9-KE, which the JavaScript reader opens.
"""

from __future__ import annotations

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import x25519
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cwt import COSE, COSEKey, Recipient

from edge_agent.wire import cbor, cose, sealing
from tests.vectors import fleet
from tests.vectors.forge import CEK, IV, flip

HPKE_3_KE = 49  # DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_128_GCM)
NAMES = ("mei", "amadou", "escrow")
PLAIN = b"a report, as bytes"


def private(name: str) -> x25519.X25519PrivateKey:
    return x25519.X25519PrivateKey.from_private_bytes(fleet.seed(name))


def cwt_key(name: str, *, secret: bool) -> COSEKey:
    curve = {1: 1, 2: name.encode(), 3: HPKE_3_KE, -1: 4}
    public = private(name).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    own = {-4: private(name).private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())} if secret else {}
    return COSEKey.new(curve | {-2: public} | own)


def by_us() -> bytes:
    """The layers of a record, made by the record's own functions, with X25519 in HPKE's place."""
    protected = cbor.encode({cose.ALG: cose.A256GCM, cose.TYP: sealing.TYPE})
    recipients = []
    for name in NAMES:
        headers = cbor.encode({cose.ALG: HPKE_3_KE, cose.KID: name.encode()})
        wrapped = SUITE.encrypt(CEK, private(name).public_key(), info=sealing._info(headers))
        recipients.append([headers, {cose.EK: wrapped[:32]}, wrapped[32:]])
    ciphertext = AESGCM(CEK).encrypt(IV, PLAIN, sealing._aad(protected))
    return cbor.encode(cbor2.CBORTag(cose.TAG_ENCRYPT, [protected, {cose.IV: IV}, ciphertext, recipients]))


@pytest.mark.parametrize("name", NAMES)
def test_cwt_opens_what_we_encrypt_for_every_recipient(name: str) -> None:
    assert COSE.new().decode(by_us(), cwt_key(name, secret=True)) == PLAIN


@pytest.mark.parametrize("name", NAMES)
def test_we_open_what_cwt_encrypts_for_every_recipient(name: str) -> None:
    content_key = COSEKey.from_symmetric_key(CEK, alg="A256GCM")
    recipients = [
        # `unprotected` is given because cwt 3.3.0's default for it is one dict that all calls share
        Recipient.new({1: HPKE_3_KE, 4: other.encode()}, unprotected={}, recipient_key=cwt_key(other, secret=False))
        for other in NAMES
    ]
    encoded = COSE.new().encode_and_encrypt(
        PLAIN, content_key, protected={1: cose.A256GCM}, unprotected={5: IV}, recipients=recipients
    )

    protected, unprotected, ciphertext, layers = cbor2.loads(encoded).value
    headers, header, wrapped = layers[NAMES.index(name)]
    cek = SUITE.decrypt(header[cose.EK] + wrapped, private(name), info=sealing._info(headers))

    assert AESGCM(cek).decrypt(unprotected[cose.IV], ciphertext, sealing._aad(protected)) == PLAIN


def test_cwt_verifies_what_we_sign() -> None:
    signer = fleet.SIGNERS["station-1"]
    signed = cose.sign1(PLAIN, signer, sealing.TYPE)
    key = COSEKey.new(
        {1: 2, 2: sealing.kid(signer.public_key), 3: -7, -1: 1}
        | {-2: signer.public_key[1:33], -3: signer.public_key[33:]}
    )
    assert COSE.new().decode(signed, key) == PLAIN
    with pytest.raises(Exception, match="verify"):
        COSE.new().decode(flip(signed, -1), key)
