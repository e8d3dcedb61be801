"""Key pairs for logins: what a person makes with openssl, and what Snowflake checks with it."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)


@dataclass(frozen=True)
class KeyPair:
    """An RSA key as short as Snowflake takes it."""

    private: rsa.RSAPrivateKey

    @classmethod
    def new(cls) -> KeyPair:
        return cls(rsa.generate_private_key(public_exponent=65_537, key_size=2_048))

    @cached_property
    def pem(self) -> str:
        """The PKCS#8 file, not encrypted."""
        return self._pem(NoEncryption())

    def encrypted(self, passphrase: str) -> str:
        """The PKCS#8 file under a passphrase."""
        return self._pem(BestAvailableEncryption(passphrase.encode()))

    @cached_property
    def fingerprint(self) -> str:
        """What `DESCRIBE USER` shows as RSA_PUBLIC_KEY_FP."""
        der = self.private.public_key().public_bytes(
            Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        )
        return f"SHA256:{base64.b64encode(sha256(der).digest()).decode()}"

    def signed(self, token: str) -> bool:
        """Whether a JWT was signed with this key."""
        content, _, signature = token.rpartition(".")
        raw = base64.urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
        try:
            self.private.public_key().verify(raw, content.encode(), padding.PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    def _pem(self, encryption: KeySerializationEncryption) -> str:
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
