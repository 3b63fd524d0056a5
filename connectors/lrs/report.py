"""What a load did: counts that balance, and the statements that the LRS did not take."""

from dataclasses import dataclass, field

KEPT_REJECTIONS = 10_000  # a report stays small; all of them go to `on_rejection`


@dataclass(frozen=True, slots=True)
class Rejection:
    """A statement that is not in the LRS as given, and the reason in the LRS's words, freed of addresses."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of the statements of a load.

    `stored` are new in the LRS, `already_there` were in it and say the same, `conflicting` are in it and say something else, `rejected` are
    refused. `rejections` names the last two kinds, at most 10,000 of them; `bytes` is the size of the statements, `seconds` wall time.
    """

    sent: int = 0
    stored: int = 0
    already_there: int = 0
    conflicting: int = 0
    rejected: int = 0
    bytes: int = 0
    seconds: float = 0.0
    requests: int = 0
    rejections: list[Rejection] = field(default_factory=list)

    @property
    def balances(self) -> bool:
        """Whether every statement that went in came out somewhere."""
        return self.sent == self.stored + self.already_there + self.conflicting + self.rejected

    def merge(self, other: "LoadReport") -> "LoadReport":
        """Both loads as one, one after the other."""
        return LoadReport(
            self.sent + other.sent,
            self.stored + other.stored,
            self.already_there + other.already_there,
            self.conflicting + other.conflicting,
            self.rejected + other.rejected,
            self.bytes + other.bytes,
            self.seconds + other.seconds,
            self.requests + other.requests,
            [*self.rejections, *other.rejections][:KEPT_REJECTIONS],
        )

    def __str__(self) -> str:
        rate = self.sent / self.seconds if self.seconds else 0
        return (
            f"{self.sent} sent: {self.stored} stored, {self.already_there} already there, {self.conflicting} conflicting, "
            f"{self.rejected} rejected; {self.bytes / 1e6:.1f} MB in {self.seconds:.1f} s ({rate:,.0f} statements/s, {self.requests} requests)"
        )
