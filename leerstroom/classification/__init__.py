"""Classification: which kind of learning a statement shows, by rules that are data (`schemas/classification.yaml`).

The first rule that matches wins. Every event names its rule, and every value the version of the rules.
"""

from leerstroom.classification.explanation import Explanation, explain
from leerstroom.classification.rules import Facts, Rule, Rules, load_rules

__all__ = ["Explanation", "Facts", "Rule", "Rules", "explain", "load_rules"]
