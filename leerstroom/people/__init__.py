"""People: keyed references at the edge, the employee directory, and who stands behind a reference.

Nothing that names a person leaves the pull stage: account ids, HR ids and e-mail addresses become keyed references there,
and the directory computes the same references from its own columns to find them again.
"""

from leerstroom.people.directory import Directory, Employee
from leerstroom.people.pseudonyms import Pseudonyms
from leerstroom.people.resolution import ExcludedAccount, People
from leerstroom.people.rotation import Rotation

__all__ = ["Directory", "Employee", "ExcludedAccount", "People", "Pseudonyms", "Rotation"]
