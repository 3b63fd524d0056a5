"""Attachments and signed statements."""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc import jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from leerstroom.lrs.attachments import read_mixed


def attachment(content, **changes):
    made = {
        "usageType": "https://u.example/certificate",
        "display": {"en": "Certificate"},
        "contentType": "text/plain",
        "length": len(content),
    }
    return made | {"sha2": hashlib.sha256(content).hexdigest()} | changes


def mixed(statements, *contents, boundary="-=boundary=-", extra=""):
    parts = [f"--{boundary}\r\nContent-Type: application/json\r\n\r\n{json.dumps(statements)}\r\n".encode()]
    for content in contents:
        head = f"Content-Type: text/plain\r\nContent-Transfer-Encoding: binary\r\nX-Experience-API-Hash: {hashlib.sha256(content).hexdigest()}\r\n{extra}"
        parts.append(f"--{boundary}\r\n{head}\r\n".encode() + content + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode()


HEADERS = {"Content-Type": 'multipart/mixed; boundary="-=boundary=-"'}
CONTENT = b"\r\n--not a boundary\r\n\x00\xff" * 50


def test_content_comes_back_byte_for_byte(call, make):
    sent = make.statement(attachments=[attachment(CONTENT), attachment(b"", fileUrl="https://f.example/x")])
    call("POST", "statements", 200, data=mixed([sent], CONTENT), headers=HEADERS)
    for parameters in ({"statementId": sent["id"]}, {"agent": json.dumps(make.agent())}):
        answer = call("GET", "statements", 200, params=parameters | {"attachments": "true"})
        body, contents = read_mixed(answer.headers["Content-Type"], answer.content)
        assert sent["id"] in body.decode()
        assert [each.content for each in contents] == [CONTENT]
    assert call("GET", "statements", params={"statementId": sent["id"]}).headers["Content-Type"] == "application/json"
    again = make.statement(attachments=[attachment(CONTENT)])
    call.store(again)  # its content is here already


UNKNOWN = CONTENT + b"never stored"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (lambda one: mixed(one), HEADERS),
        (lambda one: mixed(one, b"another"), HEADERS),
        (lambda one: mixed(one, UNKNOWN).replace(b"Transfer-Encoding: binary", b"Transfer-Encoding: base64"), HEADERS),
        (lambda one: mixed(one, UNKNOWN).replace(b"\xff", b"\xfe"), HEADERS),
        (lambda one: mixed(one, UNKNOWN).replace(b"X-Experience-API-Hash", b"X-Hash"), HEADERS),
        (lambda one: mixed(one, UNKNOWN).replace(b"application/json", b"text/html"), HEADERS),
        (lambda one: mixed(one, UNKNOWN)[:-6], HEADERS),
        (lambda one: mixed(one, UNKNOWN), {"Content-Type": "multipart/mixed"}),
        (lambda one: mixed(one, UNKNOWN), {"Content-Type": "multipart/form-data; boundary=-=boundary=-"}),
        (lambda one: b"nonsense", HEADERS),
        (lambda one: json.dumps(one).encode(), {"Content-Type": "application/json"}),
    ],
    ids=["no part", "foreign part", "not binary", "other content", "no hash", "first no json", "no end", "no boundary", "form", "nonsense", "plain json"],
)  # fmt: skip
def test_a_body_that_breaks_the_rules_is_refused_whole(call, make, body, headers):
    one = make.statement(attachments=[attachment(UNKNOWN)])
    call("POST", "statements", 400, data=body([one]), headers=headers)
    assert call.ids(verb=make.verb()) == []


# --- signatures -----------------------------------------------------------------------------------------------------------------------------

RSA = rsa.generate_private_key(65537, 2048)


def certificate(key):
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer.example")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    made = (
        made
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def signed(payload, algorithm="RS256", key=None, **header):
    key = key or RSAKey.import_key(pem(RSA))
    return jws.serialize_compact(
        {"alg": algorithm, **header}, json.dumps(payload), key, algorithms=[algorithm]
    ).encode()


def with_signature(statement, signature, **changes):
    about = (
        attachment(
            signature,
            usageType="http://adlnet.gov/expapi/attachments/signature",
            contentType="application/octet-stream",
        )
        | changes
    )
    return mixed([statement | {"attachments": [about]}], signature)


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_a_right_signature_is_accepted_with_and_without_certificate(call, make, algorithm):
    for header in ({}, {"x5c": [certificate(RSA)]}):
        sent = make.statement()
        call("POST", "statements", 200, data=with_signature(sent, signed(sent, algorithm, **header)), headers=HEADERS)


def test_a_wrong_signature_is_refused(call, make):
    sent = make.statement()
    other = rsa.generate_private_key(65537, 2048)
    curve = ec.generate_private_key(ec.SECP256R1())
    wrong = {
        "no signature": with_signature(sent, b"nonsense"),
        "another statement": with_signature(sent, signed(make.statement())),
        "another key": with_signature(sent, signed(sent, x5c=[certificate(other)])),
        "shared secret": with_signature(sent, signed(sent, "HS256", OctKey.import_key("secret" * 8))),
        "another algorithm": with_signature(sent, signed(sent, "ES256", ECKey.import_key(pem(curve)))),
        "content type": with_signature(sent, signed(sent), contentType="text/plain"),
        "nonsense as certificate": with_signature(sent, signed(sent, x5c=["AAAA"])),
    }
    answers = {name: call("POST", "statements", data=body, headers=HEADERS).status_code for name, body in wrong.items()}
    assert answers == dict.fromkeys(wrong, 400)
