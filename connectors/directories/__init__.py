"""Employee directories: the organisation's own list of people, as its directory service holds it, on its way into the CSV of `schemas/employee-directory.yaml`.

A directory service is one module here: its settings, which of its attributes fills which column, and how its accounts are listed. It is found
through the entry-point group `leerstroom.directories`, so a package of a third party can ship one.
"""

from connectors.directories.directory import EmployeeDirectory, Pulled, connect, installed

__all__ = ["EmployeeDirectory", "Pulled", "connect", "installed"]
