"""A real OpenLDAP server on loopback, with TLS, for the length of a block: `with ldapserver(folder) as server: ... server.url`."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

SLAPD = shutil.which("slapd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
SCHEMAS = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")
BASE = "ou=people,dc=voorbeeldzorg,dc=example"
READER, PASSWORD = "cn=reader,dc=voorbeeldzorg,dc=example", "a-password-of-the-tests"

_CONFIG = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {folder}/slapd.pid
TLSCACertificateFile {folder}/cert.pem
TLSCertificateFile {folder}/cert.pem
TLSCertificateKeyFile {folder}/key.pem
sizelimit 40
database mdb
suffix "dc=voorbeeldzorg,dc=example"
rootdn "cn=admin,dc=voorbeeldzorg,dc=example"
rootpw admin
directory {folder}/data
limits dn.exact="{reader}" size.soft=40 size.hard=40 size.pr=20 size.prtotal=unlimited
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{reader}" read by * none
"""


@dataclass(frozen=True, slots=True)
class LdapServer:
    """Addresses of a running server, and the certificate that it shows."""

    url: str
    secure_url: str
    certificate: Path


@contextmanager
def ldapserver(folder: Path, ldif: str) -> Iterator[LdapServer]:
    """Serves the entries of `ldif` below `BASE`; the reader may read all of them, nobody else anything."""
    assert SLAPD is not None
    (folder / "data").mkdir()
    _certificate(folder)
    config = folder / "slapd.conf"
    config.write_text(_CONFIG.format(schemas=SCHEMAS, modules=MODULES, folder=folder, reader=READER))
    (folder / "people.ldif").write_text(_HEAD + ldif)
    subprocess.run([SLAPD, "-T", "add", "-f", str(config), "-l", str(folder / "people.ldif")], check=True, capture_output=True)  # fmt: skip
    ports = [_free() for _ in range(2)]
    urls = f"ldap://127.0.0.1:{ports[0]}", f"ldaps://127.0.0.1:{ports[1]}"
    server = subprocess.Popen([SLAPD, "-d", "0", "-f", str(config), "-h", " ".join(urls)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        _wait(ports)
        yield LdapServer(*urls, folder / "cert.pem")
    finally:
        server.terminate()
        server.wait(10)


_HEAD = f"""dn: dc=voorbeeldzorg,dc=example
objectClass: domain
dc: voorbeeldzorg

dn: {READER}
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: reader
userPassword: {PASSWORD}

dn: {BASE}
objectClass: organizationalUnit
ou: people

"""


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _wait(ports: list[int]) -> None:
    deadline = time.monotonic() + 15
    for port in ports:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "slapd did not start"
                time.sleep(0.05)


def _certificate(folder: Path) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509
        .CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))  # fmt: skip
