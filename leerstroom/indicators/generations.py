"""Learning 1.0, 2.0 and 3.0: taught, exchanged, in the network and the work; and whether it is bound to a place."""

from typing import TYPE_CHECKING

from leerstroom.indicators.amounts import register_sensitivity, register_share, share_of
from leerstroom.indicators.definition import ORGANISATION, TEAM, indicator

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from leerstroom.indicators.scope import Scope

register_share("generation_share", "generations", {"1.0": "gen_1", "2.0": "gen_2", "3.0": "gen_3"})


@indicator("place_independent_share", kind="ratio", needs="any", grains=(TEAM, ORGANISATION), priority=2)
def place_independent_share(scope: "Scope") -> "ir.Table":
    """Minutes on a phone or tablet, of the minutes for which the device is known."""
    return share_of(scope, "mobile", ("mobile", "desktop"))


register_sensitivity("place_independent_share", "generations", {"": "mobile"}, whole=("mobile", "desktop"))
