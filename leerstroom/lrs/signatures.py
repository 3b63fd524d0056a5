"""Signed statements: the JWS that comes as an attachment must be whole, by RSA, and say what the statement says (xAPI 1.0.3 part two, 2.6)."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode

from leerstroom.lrs.attachments import Content
from leerstroom.lrs.comparing import same
from leerstroom.lrs.requests import Refusal

USAGE = "http://adlnet.gov/expapi/attachments/signature"
_ALGORITHMS = ["RS256", "RS384", "RS512"]


class _Registry(jws.JWSRegistry):
    """The library's limits are those of tokens; a header with a chain of certificates and a payload that is a statement are larger."""

    max_header_length = 64_000
    max_payload_length = 8_000_000


_REGISTRY = _Registry(algorithms=_ALGORITHMS)


def check_signatures(statements: Sequence[Mapping[str, Any]], contents: Sequence[Content]) -> None:
    """Raises Refusal(400) for a signature that is wrong. Without a certificate in its header only form and content can be checked."""
    by_hash = {each.sha2: each for each in contents}
    for number, statement in enumerate(statements):
        for attachment in statement.get("attachments", ()):
            if attachment["usageType"] != USAGE:
                continue
            if attachment["contentType"].split(";", 1)[0].strip().lower() != "application/octet-stream":
                _refuse(number, "a signature has the content type application/octet-stream")
            content = by_hash.get(attachment["sha2"].lower())
            if content is not None:
                _check(number, statement, content.content)


def _check(number: int, statement: Mapping[str, Any], signature: bytes) -> None:
    try:
        head, payload, _ = signature.strip().split(b".")
        header, said = orjson.loads(urlsafe_b64decode(head)), orjson.loads(urlsafe_b64decode(payload))
        if not isinstance(header, dict):
            raise TypeError
    except (JoseError, ValueError, TypeError):
        _refuse(number, "its signature is no JSON Web Signature over a statement")
    if header.get("alg") not in _ALGORITHMS:
        _refuse(number, f"its signature must use one of {', '.join(_ALGORITHMS)}")
    if "x5c" in header:
        try:
            jws.deserialize_compact(signature.strip(), _certified(header["x5c"]), registry=_REGISTRY)
        except (JoseError, ValueError, TypeError, KeyError, IndexError):
            _refuse(number, "its signature does not fit the certificate in its header")
    try:
        fits = isinstance(said, dict) and _told(said, statement)
    except (KeyError, TypeError, AttributeError, ValueError):
        fits = False
    if not fits:
        _refuse(number, "its signature is over another statement")


def _told(said: dict[str, Any], statement: Mapping[str, Any]) -> bool:
    """Whether the signed statement is this one; the signature itself can't be part of what it signs."""
    own = [each for each in statement["attachments"] if each["usageType"] != USAGE]
    bare = {name: value for name, value in statement.items() if name != "attachments"}
    signed = {name: value for name, value in said.items() if name != "attachments"}
    if own:
        bare["attachments"] = own
    others = [each for each in said.get("attachments", ()) if each["usageType"] != USAGE]
    if others:
        signed["attachments"] = others
    if "timestamp" in signed:
        bare.setdefault("timestamp", signed["timestamp"])
    else:
        bare.pop("timestamp", None)
    if "id" in signed and "id" in bare and str(signed["id"]).lower() != str(bare["id"]).lower():
        return False
    return same(signed, bare)


def _certified(chain: Sequence[str]) -> RSAKey:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
    from cryptography.x509 import load_der_x509_certificate

    certificate = load_der_x509_certificate(base64.b64decode(chain[0]))
    pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return RSAKey.import_key(pem)


def _refuse(number: int, why: str) -> NoReturn:
    raise Refusal(400, f"statement {number}: {why}", index=number, property="attachments")
