"""Every error that Leerstroom raises, sorted by what happens next.

```
LeerstroomError                 what, where (connection, endpoint, record id), what to do      under Airflow
├── NeedsOperator               trying again cannot help                                         fails now, no retry
│   └── ConfigurationError · CredentialsRefused · UnexpectedShape · CursorRepeated
├── TryLater                    the same call may succeed                                        retry with back-off
│   └── Unreachable · RateLimited(retry_after_s) · QuotaExhausted (deferred to the next night)
└── BadRecord                   one record or statement: quarantine with this text, the rest goes on
    └── InvalidStatement · BadRows (several of one answer)
```
A message never holds a secret, a person's name, an e-mail address or the text of a message.
"""

from collections.abc import Iterable

_MOST_TOLD = 20  # rows of one answer, in one sentence


class LeerstroomError(Exception):
    """Root of the tree; its text says what, where and what to do."""


class NeedsOperator(LeerstroomError):
    """A person must act; trying again cannot help."""


class ConfigurationError(NeedsOperator):
    """A setting, table of rules or schema is wrong; the text lists every fault that was found."""


class CredentialsRefused(NeedsOperator):
    """The other system refused who we say we are (401) or what we may do (403)."""


class UnexpectedShape(NeedsOperator):
    """A whole answer has a shape that the source does not know; nothing of it was used."""


class CursorRepeated(NeedsOperator):
    """A list hands out the same cursor twice, so it would never end."""


class TryLater(LeerstroomError):
    """The same call may succeed later."""


class Unreachable(TryLater):
    """No answer, a broken answer, or an answer 5xx, after all tries."""


class RateLimited(TryLater):
    """The other system asks for patience that is longer than a task should wait."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class QuotaExhausted(TryLater):
    """A daily quota is spent: the work is deferred to the next night, not failed."""


class BadRecord(LeerstroomError):
    """One record cannot become a statement: it goes to quarantine with this text."""


class BadRows(BadRecord):
    """Several records that came in one answer cannot be read: `rows` holds the text of each, and each is counted."""

    def __init__(self, rows: Iterable[str]) -> None:
        self.rows = tuple(rows)
        told = self.rows[:_MOST_TOLD]
        super().__init__("; ".join([*told, *(["and others"] if len(self.rows) > len(told) else [])]))


class InvalidStatement(BadRecord):
    """A statement breaks a rule of xAPI; `property` is the path of what is wrong."""

    def __init__(self, message: str, property: str = "") -> None:  # ruff: ignore[builtin-argument-shadowing] - xAPI's own word
        super().__init__(message)
        self.property = property
