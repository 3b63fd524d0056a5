"""The locked packages: a bill of materials of what a deployment installs, and the advisories against everything that is locked.

`python .ci/audit.py` writes var/sbom.json (CycloneDX 1.6) out of requirements/runtime.txt, without a network, and asks OSV about the other locks with pip-audit.
Exit 1 when an advisory applies. When OSV cannot be reached it says so and ends well: what is known must not depend on who answers.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import requests
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.contact import OrganizationalEntity
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

ROOT = Path(__file__).resolve().parent.parent
RUNTIME, EVERYTHING, FUZZ, SPARK = (
    ROOT / "requirements" / f"{name}.txt" for name in ("runtime", "dev", "fuzz", "spark")
)
SERVICE = "https://api.osv.dev/"
PATIENCE_S = 10

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def locked(lock: Path) -> Iterator[tuple[str, str, list[str]]]:
    """(name, version, SHA-256 of each of its files) of every package in a lock."""
    name = version = ""
    hashes: list[str] = []
    for line in lock.read_text(encoding="utf-8").splitlines():
        pin = _PIN.match(line)
        if pin:
            if name:
                yield name, version, hashes
            name, version, hashes = pin[1], pin[2], []
        hashes += _HASH.findall(line)
    if name:
        yield name, version, hashes


def bill_of_materials(lock: Path) -> str:
    """The lock as CycloneDX JSON: one library a package, with its address (purl) and the hashes of its files."""
    ours = Component(
        name="leerstroom", type=ComponentType.APPLICATION, supplier=OrganizationalEntity(name="The Leerstroom founders")
    )
    bom = Bom()
    bom.metadata.component = ours
    for name, version, hashes in locked(lock):
        address = PackageURL("pypi", None, name.lower(), version)
        bom.components.add(
            Component(
                name=name,
                version=version,
                type=ComponentType.LIBRARY,
                purl=address,
                bom_ref=str(address),
                hashes=[HashType(alg=HashAlgorithm.SHA_256, content=each) for each in hashes],
            )
        )
    bom.register_dependency(ours, bom.components)
    return JsonV1Dot6(bom).output_as_string(indent=2)


def is_reachable(service: str) -> bool:
    """Whether anything answers there."""
    try:
        requests.head(service, timeout=PATIENCE_S)
    except requests.RequestException:
        return False
    return True


def audit(service: str, *locks: Path) -> int:
    """pip-audit's exit code; 0 when the service cannot be reached."""
    if not is_reachable(service):
        print(
            f"audit: {service} cannot be reached, so no advisory was looked up; run make audit where it can",
            file=sys.stderr,
        )
        return 0
    words = ["--require-hashes", "--disable-pip", "--vulnerability-service", "osv", "--progress-spinner", "off"]
    return subprocess.run(
        [sys.executable, "-m", "pip_audit", *words, *chain(*(("--requirement", str(lock)) for lock in locks))],
        check=False,
    ).returncode


def main() -> int:
    """Writes the bill of materials and asks for advisories."""
    target = ROOT / "var" / "sbom.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(bill_of_materials(RUNTIME), encoding="utf-8")
    print(f"audit: {sum(1 for _ in locked(RUNTIME))} packages in {target.relative_to(ROOT)}")
    return audit(SERVICE, EVERYTHING, FUZZ, SPARK)


if __name__ == "__main__":
    sys.exit(main())
