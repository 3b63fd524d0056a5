"""Database roles per audience, where the database has roles (PostgreSQL).

`leerstroom_hr` reads HR's tables. `leerstroom_employee` reads `employee_values`, which also holds what only the employee may see, and of it only the
rows of the employee whom `employee_logins` links to the login: row-level security, so no query can widen it.
"""

import logging
from typing import Any

from leerstroom.publishing.databases import Target, is_postgres
from leerstroom.publishing.night import Night

logger = logging.getLogger(__name__)

HR, EMPLOYEE = "leerstroom_hr", "leerstroom_employee"
_OWN_VALUES = (
    "indicator_id",
    "grain",
    "subject",
    "period_start",
    "period_end",
    "value",
    "status",
    "numerator",
    "denominator",
    "estimated_share",
    "as_of",
    "rules_version",
)


def grant(into: Target, night: Night) -> None:
    """Makes the roles and gives them their rights. A login that may not create roles keeps working: the missing rights are logged."""
    if not is_postgres(into):
        return  # a DuckDB file has no roles: whoever can open it is HR, so it never holds more than HR may see
    for role in (HR, EMPLOYEE):
        if not into.first("SELECT 1 FROM pg_roles WHERE rolname = ?", role) and not into.attempt(
            f"CREATE ROLE {role} NOLOGIN"
        ):
            logger.warning(
                "the database login may not create the role %s; ask an administrator to create it and publish again",
                role,
            )
            return
    _own_values(into, night)
    for table in night.contract.tables:
        into.run(f"REVOKE ALL ON {table} FROM PUBLIC")
        into.run(f"GRANT SELECT ON {table} TO {HR}")
    into.run(f"GRANT SELECT ON indicator_definitions TO {EMPLOYEE}")
    into.run(f"REVOKE ALL ON employee_values FROM PUBLIC, {HR}")
    into.run(f"GRANT SELECT ON employee_values TO {EMPLOYEE}")
    into.run(f"REVOKE ALL ON employee_logins FROM PUBLIC, {HR}, {EMPLOYEE}")


def _own_values(into: Target, night: Night) -> None:
    into.run("""
        CREATE TABLE IF NOT EXISTS employee_logins (login name PRIMARY KEY, employee_id text NOT NULL)""")
    into.run("COMMENT ON TABLE employee_logins IS 'Which database login is which employee; kept by the administrator'")
    into.run("""
        CREATE TABLE IF NOT EXISTS employee_values (
            indicator_id text, grain text, subject text, period_start date, period_end date, value double precision, status text,
            numerator double precision, denominator double precision, estimated_share double precision, as_of date, rules_version text)""")
    into.run(
        "COMMENT ON TABLE employee_values IS 'Own figures of the last night, private ones too; every login sees its own rows only'"
    )
    into.run("ALTER TABLE employee_values ENABLE ROW LEVEL SECURITY")
    into.run("DROP POLICY IF EXISTS own_rows ON employee_values")
    # The look-up runs with its owner's rights, because employees may not read who else has a login.
    into.run("""
        CREATE OR REPLACE FUNCTION leerstroom_own_employee_id() RETURNS text LANGUAGE sql STABLE SECURITY DEFINER SET search_path FROM CURRENT
        AS 'SELECT employee_id FROM employee_logins WHERE login = session_user'""")
    into.run("CREATE POLICY own_rows ON employee_values FOR SELECT USING (subject = leerstroom_own_employee_id())")
    newest = into.first("SELECT max(as_of) FROM employee_values")
    if newest is None or newest <= night.as_of:
        into.run("DELETE FROM employee_values")
        into.fill("employee_values", list(_OWN_VALUES), _own_rows(night))


def _own_rows(night: Night) -> Any:
    columns = ", ".join(_OWN_VALUES)
    return night.connection.sql(
        f"SELECT {columns} FROM v WHERE starts_with(grain, 'employee') AND period_end = ?",
        params=[night.as_of],
    ).to_arrow_reader()
