"""Open Badges: what people earned, out of credentials that issuers and backpacks export.

API         files on a disk or any address that fsspec knows: Open Badges 3.0 (JSON or JWT), 2.0 and 1.x assertions, also baked into PNG or SVG, CLR 2.0
Permission  to read the files
People      e-mail address of the recipient; a hashed one is found among the addresses of the employee directory, at the edge and with the badge's own
            salt, so neither hash nor address lands; a DID or a number of a student system is looked up as an account
Kept        name of the achievement and its issuer; evidence, narratives and pictures are not read
Late facts  exports come late: look back 92 days; a badge that the issuer revoked takes its statement back
Not seen    whether the proof is right: files are trusted as their folder is, and the setting names the issuers that count; revocation lists on the web
Verified    from documentation only, with credentials made after the schemas of the specifications
"""

import base64
import binascii
import hashlib
import posixpath
import zlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from xml.etree.ElementTree import ParseError

import orjson
from defusedxml import ElementTree

from connectors import files
from connectors.http import Api
from connectors.paging import dig
from connectors.sessions import fits
from connectors.source import Kind, Record, Setting, Source, Verified, Window, maps
from leerstroom.errors import BadRecord, ConfigurationError
from leerstroom.people import People, Pseudonyms
from leerstroom.statements import (
    Ignored,
    Outcome,
    Retracted,
    activity,
    name_uuid,
    parse_time,
    statement,
    types,
    utc_text,
    verbs,
)

_DEGREES = frozenset({"associatedegree", "bachelordegree", "masterdegree", "doctoraldegree", "professionaldoctorate", "researchdoctorate", "degree"})  # fmt: skip
_CERTIFICATES = frozenset({"certificate", "certification", "certificateofcompletion", "license", "diploma", "secondaryschooldiploma", "generaleducationdevelopment", "journeymancertificate", "mastercertificate", "microcredential", "qualityassurancecredential"})  # fmt: skip
_ADDRESS_TYPES = frozenset({"email", "emailaddress"})
_HASHES = frozenset({"sha256", "sha512", "md5", "sha1"})
_PNG = b"\x89PNG\r\n\x1a\n"
_BAKED = frozenset({b"openbadges", b"openbadgecredential"})
_MOST_BAKED = 1024 * 1024


class OpenBadges(Source):
    """Credentials in files."""

    name: ClassVar[str] = "openbadges"
    title: ClassVar[str] = "Open Badges (2.0, 3.0)"
    kind: ClassVar[Kind] = Kind.LMS
    verified: ClassVar[Verified] = Verified.DOCUMENTATION
    look_back: ClassVar[timedelta] = timedelta(days=92)
    needs_addresses: ClassVar[bool] = True
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("files", "Files", many=True, help="paths or addresses with * of credentials: .json, .jsonl, .jwt, .png, .svg"),
        Setting("issuers", "Issuers", many=True, required=False, help="ids of issuers (with *) whose badges count; empty: all"),
        Setting("language", "Language", default="und", required=False, help="of the names, BCP 47, where the badge does not say"),
        Setting("register", "Register", default="https://badges.leerstroom.example", kind="url", required=False, help="home page of recipients who stay unknown; never change it"),
    )  # fmt: skip
    record_kinds: ClassVar[tuple[str, ...]] = ("badge",)
    keep: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "badge": ("id", "issuer", "achievement", "type", "name", "language", "earned", "hours", "email", "account", "is_own", "is_revoked", "why", "fault"),
    }  # fmt: skip
    people: ClassVar[Mapping[str, Mapping[str, str]]] = {
        "badge": {"email": "email", "account": "account", "id": "account"}
    }
    documents: ClassVar[tuple[str, ...]] = (".png", ".svg", ".jwt", ".jws")

    @property
    def tenant(self) -> str:
        """The register; ids of badges are the issuers' own."""
        told = self.connection.get("tenant") or self.connection.get("register")
        return str(told or "https://badges.leerstroom.example").rstrip("/")

    def api(self) -> Api:
        """Nothing is asked over HTTP; the object only counts zero requests."""
        return Api(self.tenant, connection=self.connection.name)

    # --- pull ----------------------------------------------------------------------------------------------------------------

    def pull(self, api: Api, window: Window) -> Iterator[Record]:
        """Badges that were earned inside the window, each once; what cannot be read is reported every night."""
        seen: set[str] = set()
        for path in self._paths():
            for record in self.read_file(path):
                earned = _moment(record.get("earned"))
                if record.key not in seen and (earned is None or window.holds(earned)):
                    seen.add(record.key)
                    yield record

    def _paths(self) -> list[str]:
        suffixes = (".json", ".jsonl", *self.documents)
        return files.matching(self.connection["files"], connection=self.connection.name, suffixes=suffixes)

    def read_file(self, path: str) -> Iterator[Record]:
        """The badges of one file; one that cannot be read is a record that says why."""
        name = posixpath.basename(path)
        try:
            if files.unpacked_name(path).lower().endswith(".jsonl"):
                for number, line in files.lines(path):
                    yield from self._in(line, f"{name} line {number}")
            else:
                yield from self._in(files.read(path), name)
        except BadRecord as error:
            yield _fault(name, error)

    def _in(self, data: bytes, name: str) -> Iterator[Record]:
        try:
            yield from list(self.read_document(data, name))
        except BadRecord as error:
            yield _fault(name, error)

    def check(self, api: Api) -> str:
        """Reads every file and says how many badges it holds. Raises ConfigurationError that names all that cannot be read."""
        paths = self._paths()
        found = [record for path in paths for record in self.read_file(path)]
        faults = [str(record["fault"]) for record in found if "fault" in record]
        if faults:
            raise ConfigurationError(f"connection '{self.connection.name}': " + "; ".join(faults[:20]))
        return f"{len(paths)} files with {len(found)} badges"

    # --- payloads ----------------------------------------------------------------------------------------------------------------

    def read(self, payload: Any) -> Iterator[Record]:
        """A credential of 3.0, an assertion of 2.0 or 1.x, several of them as a list, a presentation or a page, or a JWT as a text.

        Raises BadRecord for anything else.
        """
        found = list(_credentials(payload))
        if not found and not _is_empty_page(payload):
            raise BadRecord("no Open Badge")
        for each in found:
            yield _row(each)

    def read_document(self, data: bytes, name: str) -> Iterator[Record]:
        """A baked picture, JSON, or JWTs one a line."""
        if data.startswith(_PNG):
            yield from self._baked(_in_png(data), name)
        elif data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            yield from self._baked(_in_svg(data), name)
        else:
            try:
                yield from self.read(orjson.loads(data))
            except orjson.JSONDecodeError:
                lines = data.decode("utf-8", "replace").split()
                if not lines:
                    raise BadRecord(f"{name} is empty") from None
                for line in lines:
                    yield from self.read(line)

    def _baked(self, found: str, name: str) -> Iterator[Record]:
        if not found:
            raise BadRecord(f"{name} is a picture without a badge in it")
        if found.startswith("{"):
            try:
                yield from self.read(orjson.loads(found))
            except orjson.JSONDecodeError as error:
                raise BadRecord(f"what is baked into {name} is no JSON") from error
        else:
            yield from self.read(found)

    # --- at the edge ---------------------------------------------------------------------------------------------------------------

    def minimise(self, record: Record, pseudonyms: Pseudonyms) -> Record:
        """The badge as it may land: a hashed address is looked for among the directory's and neither lands."""
        told = dict(record)
        identities = told.pop("identities", None)
        for each in identities if isinstance(identities, list) else ():
            if isinstance(each, Mapping):
                told |= self._who(each, told)
        kept = super().minimise(Record(record.kind, record.key, told), pseudonyms)
        return Record(kept.kind, record.key if "fault" in kept else str(kept.get("id")), kept)

    def _who(self, identity: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, str]:
        """What an identity of the recipient adds to what is known: an address, or an account where there is none."""
        value, sort = str(identity.get("value") or ""), str(identity.get("sort") or "")
        if not value:
            return {}
        if sort in _ADDRESS_TYPES:
            address = self._unhashed(value, str(identity.get("salt") or "")) if identity.get("hashed") else value
            if address:
                return {} if known.get("email") else {"email": address.removeprefix("mailto:")}
        return {} if known.get("account") else {"account": value}

    def _unhashed(self, value: str, salt: str) -> str | None:
        """The address of the directory that gives this hash with this salt: `algorithm$hexadecimal`, as both specifications have it."""
        algorithm, _, wanted = value.partition("$")
        if algorithm.lower() not in _HASHES or not wanted:
            return None
        for address in self.addresses:
            for form in dict.fromkeys((address, address.lower())):
                made = hashlib.new(algorithm.lower(), f"{form}{salt}".encode(), usedforsecurity=False)
                if made.hexdigest() == wanted.lower():
                    return str(address)
        return None

    # --- map ------------------------------------------------------------------------------------------------------------------------

    @maps("badge")
    def badge(self, row: Record, people: People) -> Outcome | list[Outcome]:
        """`earned`, when it was awarded."""
        if row.get("fault"):
            raise BadRecord(str(row["fault"]))
        if row.get("why"):
            return Ignored(str(row["why"]))
        issuers = self.connection.get("issuers")
        if issuers and not any(fits(pattern, row.get("issuer")) for pattern in issuers):
            return Ignored("badge of an issuer that does not count")
        if row.get("is_revoked"):
            return [Ignored("badge that was revoked"), Retracted(row.key, reason="the issuer revoked it")]
        moment, kind = parse_time(row["earned"], zone="UTC"), _type(row.get("type"))
        name, issuer, hours = row.get("name"), row.get("issuer"), row.get("hours")
        extensions = {
            "self-reported": True if row.get("is_own") else None,
            "scheduled-minutes": round(float(hours) * 60)
            if isinstance(hours, int | float) and 0 < hours < 10_000
            else None,
        }
        return statement(
            actor=people.actor(row.get("account"), email=row.get("email")),
            verb=verbs.EARNED,
            object=activity(
                self._iri("achievements", row["achievement"]),
                kind,
                name=name if isinstance(name, str) else None,
                language=str(row.get("language") or self.connection.get("language") or "und"),
            ),
            grouping=self._iri("issuers", issuer) if issuer else None,
            timestamp=moment,
            extensions=extensions,
            revision=f"{kind} {name} {utc_text(moment)} {sorted(extensions.items(), key=str)}",
        )

    def _iri(self, sort: str, told: Any) -> str:
        """The issuer's own IRI; under the register where it is none."""
        if not isinstance(told, str) or not told:
            raise BadRecord("the badge does not say what was achieved")
        has_scheme = told.startswith(("https://", "http://", "urn:", "did:")) and " " not in told
        return told if has_scheme else f"{self.tenant}/{sort}/{name_uuid(sort, told)}"


def _type(told: Any) -> str:
    word = str(told or "").rsplit(":", 1)[-1].lower()
    kind: str = types.DEGREE if word in _DEGREES else types.CERTIFICATION if word in _CERTIFICATES else types.BADGE
    return kind


# --- credentials ------------------------------------------------------------------------------------------------------------------------


def _credentials(payload: Any) -> Iterator[Mapping[str, Any]]:
    """Every credential or assertion inside a payload, out of its envelopes."""
    if isinstance(payload, str):
        yield from _credentials(_of_jwt(payload))
    elif isinstance(payload, list):
        for each in payload:
            yield from _credentials(each)
    elif isinstance(payload, Mapping):
        inner = _inside(payload)
        if inner is not None:
            yield from _credentials(inner)
        elif "achievement" in payload and "issuer" in payload and "id" in payload and "identities" in payload:
            yield payload  # a row as the pull gives it
        elif _is_credential(payload) or _is_assertion(payload):
            yield payload


def _inside(payload: Mapping[str, Any]) -> Any:
    """What an envelope holds; None for what is no envelope."""
    if "response" in payload:
        return dig(payload, "response.body") or []
    if isinstance(
        payload.get("vc"), Mapping
    ):  # the claims of a JWT in the manner of VC 1.1, which may stand in the place of properties
        return {
            **{name: payload.get(name) for name in ("jti", "nbf", "sub")},
            "issuer": payload.get("iss"),
            **payload["vc"],
        }
    nested = dig(payload, "credentialSubject.verifiableCredential")
    for held in (payload.get("verifiableCredential"), nested, payload.get("badges"), payload.get("assertions")):
        if held:
            return held
    pages = [each for name in _PAGES for each in _list(payload.get(name))]
    return pages or None


_PAGES = ("credential", "compactJwsString", "results")  # of the API of 3.0, and of that of 2.1


def _is_empty_page(payload: Any) -> bool:
    answer = dig(payload, "response.body") if isinstance(payload, Mapping) and "response" in payload else payload
    return isinstance(answer, Mapping) and any(answer.get(name) == [] for name in _PAGES)


def _is_credential(payload: Mapping[str, Any]) -> bool:
    return isinstance(payload.get("credentialSubject"), Mapping | list) and "issuer" in payload


def _is_assertion(payload: Mapping[str, Any]) -> bool:
    return "recipient" in payload and "badge" in payload


def _row(told: Mapping[str, Any]) -> Record:
    made = _of_credential if _is_credential(told) else _of_assertion
    row = dict(told) if "identities" in told else made(told)
    kept = {name: value for name, value in row.items() if value is not None and value != ""}
    key = kept.get("id") or name_uuid(
        "badge", *(str(kept.get(name)) for name in ("achievement", "earned", "identities"))
    )
    return Record("badge", str(key), {**kept, "id": str(key)})


def _of_credential(told: Mapping[str, Any]) -> dict[str, Any]:
    """An Open Badge 3.0, a verifiable credential about one subject."""
    subject: Mapping[str, Any] = next(iter(_list(told["credentialSubject"])), {})
    issuer = _id(told["issuer"])
    achievement = dig(subject, "achievement")
    achievement = next(iter(_list(achievement)), {}) if isinstance(achievement, list) else achievement
    base: dict[str, Any] = {"id": told.get("id") or told.get("jti"), "issuer": issuer, "identities": []}
    if not isinstance(achievement, Mapping):
        sort = (
            "endorsement, not a badge"
            if "EndorsementCredential" in _list(told.get("type"))
            else "credential without an achievement"
        )
        return {**base, "why": sort}
    identities = [
        {"sort": _word(each.get("identityType")), "value": each.get("identityHash"), "hashed": each.get("hashed") is True, "salt": each.get("salt")}
        for each in _list(subject.get("identifier"))
        if isinstance(each, Mapping)
    ]  # fmt: skip
    holder = str(subject.get("id") or told.get("sub") or "")
    if holder:
        identities.append({"sort": "email" if holder.startswith("mailto:") else "id", "value": holder})
    earned = (
        subject.get("awardedDate")
        or told.get("awardedDate")
        or told.get("validFrom")
        or told.get("issuanceDate")
        or told.get("nbf")
    )
    return {
        **base,
        "achievement": achievement.get("id") or achievement.get("name"),
        "type": achievement.get("achievementType"),
        "name": _named(achievement.get("name") or told.get("name")),
        "language": achievement.get("inLanguage"),
        "earned": earned,
        "hours": _hours(achievement),
        "identities": identities,
        "is_own": True if holder and holder == issuer else None,
    }


def _of_assertion(told: Mapping[str, Any]) -> dict[str, Any]:
    """An assertion of Open Badges 2.0 or 1.x; the class of the badge stands in it or is named by its address."""
    badge = _first(told["badge"])
    about = badge if isinstance(badge, Mapping) else {"id": badge}
    who = _first(told["recipient"])
    recipient = who if isinstance(who, Mapping) else {"type": "email", "identity": who}
    identity = str(recipient.get("identity") or "")
    sort = _word(_first(recipient.get("type")) or "email")
    hashed = recipient.get("hashed") is True or ("$" in identity and "@" not in identity)
    salt = recipient.get("salt") or told.get("salt")
    return {
        "id": told.get("id") or dig(told, "verify.url") or told.get("uid"),
        "issuer": _id(about.get("issuer")),
        "achievement": about.get("id") or about.get("name"),
        "type": "Badge",
        "name": _named(about.get("name")),
        "language": about.get("@language"),
        "earned": told.get("issuedOn") or told.get("issued_on"),
        "hours": _hours(about),
        "identities": [{"sort": sort, "value": identity, "hashed": hashed, "salt": salt}],
        "is_revoked": True if told.get("revoked") is True else None,
    }


def _hours(about: Mapping[str, Any]) -> Any:
    """Study load in hours, an extension that Dutch schools write; in 3.0 as `SBU`."""
    load = about.get("extensions:StudyLoadExtension") or about.get("StudyLoadExtension")
    return dig(load, "extensions:StudyLoad") or dig(load, "StudyLoad") or about.get("SBU")


def _id(told: Any) -> str | None:
    """The id of a profile: itself, or inside it; its name where it has none."""
    if isinstance(told, Mapping):
        return str(told.get("id") or told.get("url") or told.get("name") or "") or None
    return told if isinstance(told, str) and told else None


def _named(told: Any) -> str | None:
    """A name as a text, or the first of several languages."""
    if isinstance(told, Mapping):
        told = next(iter(told.values()), None)
    return told if isinstance(told, str) and told else None


def _word(told: Any) -> str:
    return str(told or "").rsplit(":", 1)[-1].lower()


def _first(told: Any) -> Any:
    return told[0] if isinstance(told, list) and told else told


def _list(told: Any) -> list[Any]:
    return told if isinstance(told, list) else [] if told is None else [told]


def _moment(told: Any) -> datetime | None:
    try:
        return parse_time(told, zone="UTC").astimezone(UTC) if told else None
    except (BadRecord, AttributeError, TypeError, ValueError, OverflowError):
        return None


def _fault(name: str, error: BadRecord) -> Record:
    text = str(error)
    return Record("badge", name, {"fault": text if name in text else f"{name}: {text}"})


# --- envelopes of text ------------------------------------------------------------------------------------------------------------------


def _of_jwt(text: str) -> Any:
    """The claims of a compact JWT; its signature is the issuer's business and is not judged here. Raises BadRecord."""
    parts = text.strip().split(".")
    if len(parts) != 3:
        raise BadRecord("neither a badge nor a JWT; an address of a badge is not followed")
    try:
        return orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError) as error:
        raise BadRecord("the JWT holds no claims that can be read") from error


def _in_png(data: bytes) -> str:
    """What is baked into a PNG: the text of its chunk `openbadges` or `openbadgecredential`; empty for none. Raises BadRecord."""
    at = len(_PNG)
    while at + 12 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        keyword, _, rest = body.partition(b"\0")
        if kind in {b"iTXt", b"tEXt"} and keyword in _BAKED:
            return _text_of(kind, rest)
        at += length + 12
    return ""


def _text_of(kind: bytes, rest: bytes) -> str:
    if kind == b"tEXt":
        return rest.decode("latin-1").strip()
    is_packed, text = rest[:1] == b"\1", rest[2:].split(b"\0", 2)[-1]
    if is_packed:
        unpacker = zlib.decompressobj()
        try:
            text = unpacker.decompress(text, _MOST_BAKED)
        except zlib.error as error:
            raise BadRecord("what is baked into the picture is damaged") from error
        if unpacker.unconsumed_tail:
            raise BadRecord("what is baked into the picture is larger than a badge is")
    return text.decode("utf-8", "replace").strip()


def _in_svg(data: bytes) -> str:
    """What is baked into an SVG: the text of `assertion` or `credential` in the namespace of Open Badges, else its address. Raises BadRecord."""
    try:
        root = ElementTree.fromstring(data, forbid_dtd=True)
    except (ParseError, ValueError) as error:
        raise BadRecord("no SVG that can be read") from error
    names: Iterable[Any] = (each for each in root.iter() if isinstance(each.tag, str))
    for each in names:
        if "openbadges" in each.tag and each.tag.endswith(("}assertion", "}credential")):
            return (each.text or "").strip() or str(each.get("verify") or "")
    return ""
