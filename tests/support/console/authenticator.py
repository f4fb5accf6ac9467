"""A security key in software: it signs as a browser and a key together do, with a real signature."""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field
from secrets import token_bytes
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, NEW = 0x01, 0x04, 0x40  # flags of what a key says
Options = dict[str, Any]


def to_text(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


def to_bytes(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Authenticator:
    """One key. What it says of where it was asked can be made to lie, as an intruder's page would."""

    origin: str
    host: str = ""  # "" for the one that it is asked for
    count: int = 0
    step: int = 1  # by which it counts; 0 as keys that are copied between devices
    flags: int = PRESENT
    transports: Any = ("usb", "carrier-pigeon")
    credential_id: bytes = field(default_factory=lambda: token_bytes(32))
    private: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    def create(self, options: Options) -> str:
        """What a browser answers that was asked to make a new credential."""
        assert -7 in [each["alg"] for each in options["pubKeyCredParams"]]
        assert to_text(self.credential_id) not in [each["id"] for each in options["excludeCredentials"]]
        numbers = self.private.public_key().public_numbers()
        public = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential_id).to_bytes(2, "big") + self.credential_id + cbor2.dumps(public)
        data = self._data(options["rp"]["id"], self.flags | NEW) + attested
        said = {"attestationObject": to_text(cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data}))}
        client = self._client("webauthn.create", options)
        return self._answer(said | {"clientDataJSON": to_text(client), "transports": self.transports})

    def get(self, options: Options) -> str:
        """What a browser answers that was asked to prove a credential."""
        assert to_text(self.credential_id) in [each["id"] for each in options["allowCredentials"]]
        return self.sign(options)

    def sign(self, options: Options) -> str:
        """The same, whoever is asked for."""
        data, client = self._data(options["rpId"], self.flags), self._client("webauthn.get", options)
        signature = self.private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        said = {"authenticatorData": data, "clientDataJSON": client, "signature": signature}
        return self._answer({name: to_text(octets) for name, octets in said.items()})

    def _data(self, host: str, flags: int) -> bytes:
        self.count += self.step
        host_digest = hashlib.sha256((self.host or host).encode()).digest()
        return host_digest + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client(self, kind: str, options: Options) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _answer(self, response: dict[str, Any]) -> str:
        name = to_text(self.credential_id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
