"""deploy/snowflake/grants.sql gives a role the right to read, and nothing else."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

GRANTS = Path(__file__).parents[2] / "deploy" / "snowflake" / "grants.sql"
SQL = GRANTS.read_text(encoding="utf-8")
CODE = "\n".join(line for line in SQL.splitlines() if not line.startswith("--"))
READING = {"USAGE", "SELECT"}
# What the parser has no tree for; each is written out, so that nothing else passes as unknown.
PLAIN = (
    "CREATE ROLE IF NOT EXISTS IDENTIFIER($ROLE_NAME)",
    "CREATE USER IF NOT EXISTS IDENTIFIER($USER_NAME) TYPE = SERVICE ",
    "GRANT ROLE IDENTIFIER($ROLE_NAME) TO USER IDENTIFIER($USER_NAME)",
)
TABLE = "GRANT SELECT ON TABLE IDENTIFIER($table_name) TO ROLE IDENTIFIER($role_name);"


def beyond_reading(sql: str) -> list[str]:
    """Return the statements that do more than make the role and the user and let it read."""
    return [
        statement.sql("snowflake")
        for statement in sqlglot.parse(sql, read="snowflake")
        if statement is not None and not _only_reads(statement)
    ]


def _only_reads(statement: exp.Expr) -> bool:
    match statement:
        case exp.Set() | exp.Use() | exp.Semicolon():  # the last is comments alone
            return True
        case exp.Grant():
            privileges = {str(p.this).upper() for p in statement.args["privileges"]}
            return privileges <= READING and not statement.args.get("grant_option")
        case exp.Command():
            text = " ".join(f"{statement.this} {statement.expression}".upper().split())
            return text.startswith(PLAIN)
    return False


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """The parser warns of each statement it has no tree for."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)


def test_the_role_may_read_and_nothing_else() -> None:
    """USAGE and SELECT; no write, no OWNERSHIP, nothing about all or future tables."""
    assert [] == beyond_reading(SQL)
    granted = [s for s in sqlglot.parse(SQL, read="snowflake") if isinstance(s, exp.Grant)]
    assert ["WAREHOUSE", "DATABASE", "SCHEMA", "TABLE"] == [str(g.args["kind"]) for g in granted]


@pytest.mark.parametrize(
    "planted",
    [
        "GRANT INSERT ON TABLE IDENTIFIER($table_name) TO ROLE IDENTIFIER($role_name);",
        "GRANT SELECT, UPDATE ON TABLE IDENTIFIER($table_name) TO ROLE IDENTIFIER($role_name);",
        "GRANT ALL ON SCHEMA IDENTIFIER($schema_name) TO ROLE IDENTIFIER($role_name);",
        "GRANT ALL PRIVILEGES ON DATABASE PREP TO ROLE IDENTIFIER($role_name);",
        "GRANT OWNERSHIP ON TABLE IDENTIFIER($table_name) TO ROLE IDENTIFIER($role_name);",
        "GRANT SELECT ON ALL TABLES IN SCHEMA PREP.SENSITIVE TO ROLE HIGHTIDE_ROLE;",
        "GRANT SELECT ON FUTURE TABLES IN SCHEMA PREP.SENSITIVE TO ROLE HIGHTIDE_ROLE;",
        "GRANT SELECT ON TABLE PREP.SENSITIVE.X TO ROLE HIGHTIDE_ROLE WITH GRANT OPTION;",
        "GRANT ROLE SYSADMIN TO USER IDENTIFIER($user_name);",
        "GRANT IMPORTED PRIVILEGES ON DATABASE SNOWFLAKE TO ROLE HIGHTIDE_ROLE;",
        "CREATE USER IF NOT EXISTS IDENTIFIER($user_name) TYPE = PERSON PASSWORD = 'x';",
        "ALTER USER IDENTIFIER($user_name) SET DEFAULT_ROLE = SYSADMIN;",
        "DROP TABLE IDENTIFIER($table_name);",
    ],
)
def test_more_than_reading_would_be_seen(planted: str) -> None:
    """A line that gives more, wherever it stands, is found."""
    assert 1 == len(beyond_reading(SQL.replace(TABLE, f"{TABLE}\n{planted}")))
    assert 1 == len(beyond_reading(f"{SQL}\n{planted}"))


def test_the_user_is_a_service_with_a_key() -> None:
    """No password anywhere; no role beside its own; statements end by themselves."""
    [user] = [s for s in CODE.split(";") if "CREATE USER" in s]

    for line in (
        "TYPE = SERVICE",
        "DEFAULT_SECONDARY_ROLES = ()",
        "RSA_PUBLIC_KEY = $public_key",
        "STATEMENT_TIMEOUT_IN_SECONDS = 900",
    ):
        assert line in user
    assert "PASSWORD" not in CODE.upper()


def test_every_name_to_write_is_at_the_top() -> None:
    """A variable is set before the first statement, and used; names stand nowhere else."""
    head, _, body = CODE.partition("USE ROLE SECURITYADMIN;")
    names = [line.split()[1] for line in head.splitlines() if line.startswith("SET ")]

    assert 7 == len(names)
    assert all(f"${name}" in body for name in names)
    assert not {"PREP", "REPORTING", "HIGHTIDE_ROLE"} & set(body.replace(".", " ").split())
