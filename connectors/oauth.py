"""Access tokens that platforms hand out for a while: fetched when needed, renewed before they end and once after a 401.

Three ways to get one: an app's own id and secret (`ClientCredentials`), a refresh token that an administrator made once (`RefreshToken`),
and a service account that signs its request (`ServiceAccount`, RFC 7523). It knows no platform; addresses and extra fields are the source's.
"""

import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import requests

from connectors.http import Api, RequestRefused
from connectors.source import Connection
from leerstroom.errors import ConfigurationError, CredentialsRefused, UnexpectedShape

_EARLY_S = 120.0  # a token is renewed this long before its end
_JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


class AccessToken(requests.auth.AuthBase):
    """`Authorization: Bearer …` with a token from `token_url`; subclasses say what they ask with.

    `fields` are sent as a form, `query` in the address. Raises CredentialsRefused when the token is refused, and UnexpectedShape when the
    answer holds none; both name the connection, neither a secret.
    """

    def __init__(
        self,
        token_url: str,
        *,
        connection: str,
        fields: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        basic: tuple[str, str] | None = None,
        verify: bool | str = True,
    ) -> None:
        parts = urlsplit(token_url)
        if not parts.scheme or not parts.netloc:
            raise ConfigurationError(f"connection '{connection}': the address of the token is no URL")
        self._base, self._path = f"{parts.scheme}://{parts.netloc}", parts.path or "/"
        self._connection = connection
        self._fields, self._query = dict(fields or {}), dict(query or {})
        self._basic = basic
        self._verify = verify
        self._lock = threading.Lock()
        self._token, self._until = "", 0.0

    def asked_with(self) -> dict[str, str]:
        """The form of the next token request."""
        return self._fields

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds the header, and a second try with a fresh token when the platform refuses one that was good before."""
        fresh = self._ensure()
        request.headers["Authorization"] = f"Bearer {self._token}"
        if not fresh:
            request.register_hook("response", self._renewed)  # type: ignore[no-untyped-call]
        return request

    def _renewed(self, response: requests.Response, **arguments: Any) -> requests.Response:
        if response.status_code != 401:
            return response
        response.content  # noqa: B018 - read it, so that the connection can be used again
        again = response.request.copy()
        self._until = 0.0
        self._ensure()
        again.headers["Authorization"] = f"Bearer {self._token}"
        return response.connection.send(again, **arguments)

    def _ensure(self) -> bool:
        """Whether a token had to be fetched."""
        with self._lock:
            if time.monotonic() < self._until:
                return False
            with Api(self._base, connection=self._connection, auth=self._basic, verify=self._verify, tries=1) as api:
                try:
                    body = api.post(self._path, params=self._query or None, data=self.asked_with() or None).body
                except RequestRefused as error:
                    raise CredentialsRefused(
                        f"connection '{self._connection}': the token is refused ({error.status} {error.code}); check the app's id, secret and scopes"
                    ) from error
            if not isinstance(body, dict) or not body.get("access_token"):
                raise UnexpectedShape(
                    f"connection '{self._connection}': the answer to the token request holds no token"
                )
            self._token = str(body["access_token"])
            lasts_s = body.get("expires_in", 3600)
            try:
                self._until = time.monotonic() + max(0.0, float(lasts_s) - _EARLY_S)
            except (TypeError, ValueError):
                raise UnexpectedShape(
                    f"connection '{self._connection}': the token request says no number of seconds"
                ) from None
            self.granted(body)
            return True

    def granted(self, body: Mapping[str, Any]) -> None:
        """Called with the answer of each token request."""


class ClientCredentials(AccessToken):
    """An app's id and secret (RFC 6749, 4.4).

    `in_body` sends them as fields instead of basic authentication; `in_query` puts the other fields into the address.
    """

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        *,
        connection: str,
        scope: str = "",
        in_body: bool = False,
        in_query: bool = False,
        grant_type: str = "client_credentials",
        extra: Mapping[str, str] | None = None,
        verify: bool | str = True,
    ) -> None:
        fields = {"grant_type": grant_type, **({"scope": scope} if scope else {}), **(extra or {})}
        if in_body:
            fields |= {"client_id": client_id, "client_secret": client_secret}
        super().__init__(
            token_url,
            connection=connection,
            fields=None if in_query else fields,
            query=fields if in_query else None,
            basic=None if in_body else (client_id, client_secret),
            verify=verify,
        )


class RefreshToken(AccessToken):
    """A long-lived token of a person who agreed once (RFC 6749, 6). A platform that hands out a new one each time is followed within the run."""

    def __init__(
        self,
        token_url: str,
        client_id: str,
        client_secret: str,
        refresh_token: str,
        *,
        connection: str,
        in_body: bool = False,
        verify: bool | str = True,
    ) -> None:
        fields = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        if in_body:
            fields |= {"client_id": client_id, "client_secret": client_secret}
        super().__init__(
            token_url,
            connection=connection,
            fields=fields,
            basic=None if in_body else (client_id, client_secret),
            verify=verify,
        )

    @classmethod
    def of(cls, connection: Connection) -> "RefreshToken":
        """By the usual fields of a connection: `login` (the token's address), `client_id`, `client_secret`, `refresh_token`, sent in the body."""
        asked = (str(connection.get(name, "")) for name in ("login", "client_id", "client_secret", "refresh_token"))
        return cls(*asked, connection=connection.name, in_body=True, verify=connection.get("verify_tls", True))

    def granted(self, body: Mapping[str, Any]) -> None:
        """Takes over a refresh token that replaces the old one."""
        if isinstance(body.get("refresh_token"), str) and body["refresh_token"]:
            self._fields["refresh_token"] = body["refresh_token"]


class ServiceAccount(AccessToken):
    """A key that signs its own request (RFC 7523), as Google's service accounts do; `subject` is whom it acts for."""

    def __init__(
        self,
        token_url: str,
        account: str,
        private_key: str,
        *,
        connection: str,
        scope: str,
        subject: str = "",
        audience: str = "",
        verify: bool | str = True,
    ) -> None:
        super().__init__(token_url, connection=connection, verify=verify)
        self._account, self._private_key = account, private_key
        self._claims = {
            "iss": account,
            "scope": scope,
            "aud": audience or token_url,
            **({"sub": subject} if subject else {}),
        }

    def asked_with(self) -> dict[str, str]:
        """A request that is signed now and good for an hour. Raises ConfigurationError for a key that is none."""
        from joserfc import jwt
        from joserfc.jwk import RSAKey

        now = int(time.time())
        try:
            key = RSAKey.import_key(self._private_key.replace("\\n", "\n"))
            signed = jwt.encode({"alg": "RS256"}, {**self._claims, "iat": now, "exp": now + 3600}, key)
        except (ValueError, TypeError) as error:
            raise ConfigurationError(
                f"connection '{self._connection}': the private key is no RSA key in PEM ({type(error).__name__})"
            ) from None
        return {"grant_type": _JWT_BEARER, "assertion": signed}
