"""SQL that makes whole rows out of row numbers."""

from __future__ import annotations

import datetime as dt

from connectors.sandbox.seed import words
from connectors.sandbox.seed.namespaces import namespaces_text
from connectors.sandbox.seed.table import (
    COLUMNS,
    chance,
    dice,
    pick,
    prev_hash,
    timestamp_before,
)

FIRST_USER_ID = 12_000_000
USER_IDS_PER_ROW = 3  # ids have gaps, as real ones do


def user_id_of(seed_number: int) -> str:
    """SQL of the user id of row number n; unique and rising with n."""
    return f"{FIRST_USER_ID} + {USER_IDS_PER_ROW} * n + {dice(seed_number, 'id', 'n')} % 3"


def row_number_after(user_id: int) -> int:
    """The first row number whose user id is greater."""
    return (user_id - FIRST_USER_ID) // USER_IDS_PER_ROW + 1


def people(
    seed_number: int,
    first: int,
    count: int,
    *,
    as_of: dt.datetime,
    created_within: dt.timedelta,
    changed_at: dt.datetime,
) -> str:
    """SQL of `count` rows from row number `first`, created in the time that ends at `as_of`."""
    created = timestamp_before(as_of, created_within, dice(seed_number, "created", "n"))
    columns = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in COLUMNS.items())
    return f"""
        WITH numbered AS (
            SELECT n, CAST({user_id_of(seed_number)} AS BIGINT) AS user_id, {created} AS created
            FROM range({first}, {first + count}) AS numbers(n)
        ), named AS (
            SELECT *, {pick(words.FIRST_NAMES, dice(seed_number, "first name", "n"))} AS first_word,
                {pick(words.LAST_NAMES, dice(seed_number, "last name", "n"))} AS last_word
            FROM numbered
        ), handled AS (
            SELECT *, {_handle()} AS handle FROM named
        ), content AS (
            SELECT {_content(seed_number, as_of)} FROM handled
        ), hashed AS (
            SELECT *, md5(EMAIL_ADDRESS) AS DIM_MARKETING_CONTACT_ID, {prev_hash()} AS PREV_HASH,
                TIMESTAMPTZ '{changed_at.isoformat(" ")}' AS LAST_CHANGED
            FROM content
        )
        SELECT {columns} FROM hashed
    """


def _handle() -> str:
    """Plain letters from the name, and the row number in base 36, which makes it unique."""
    letters = (
        f"regexp_replace(lower(strip_accents({word})), '[^a-z]', '', 'g')"
        for word in ("first_word", "last_word")
    )
    return "concat_ws('.', " + ", ".join(letters) + ", lower(to_base(n, 36)))"


def _content(seed_number: int, as_of: dt.datetime) -> str:
    """SQL of the columns a person fills, with the share of NULLs the real table has."""

    def roll(purpose: str) -> str:
        return dice(seed_number, purpose, "n")

    def mostly(purpose: str, share: float, value: str) -> str:
        return f"CASE WHEN {chance(seed_number, purpose, share, 'n')} THEN {value} END"

    since_created = f"epoch_ms(TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S}') - epoch_ms(created)"
    login_ms = f"CAST({roll('login')} % greatest(1, {since_created}) AS BIGINT)"
    columns = {
        "EMAIL_ADDRESS": f"handle || '@' || {pick(words.EMAIL_DOMAINS, roll('domain'))}",
        "FIRST_NAME": mostly("has first name", 0.97, "first_word"),
        "LAST_NAME": mostly("has last name", 0.95, "last_word"),
        "COUNTRY": mostly("has country", 0.85, pick(words.COUNTRIES, roll("country"))),
        "COMPANY_NAME": mostly("has company", 0.6, _company(seed_number)),
        "JOB_TITLE": mostly("has job", 0.45, pick(words.JOB_TITLES, roll("job"))),
        "GITLAB_DOTCOM_USER_ID": "user_id",
        "GITLAB_USER_NAME": "replace(handle, '.', '-')",
        "GITLAB_DOTCOM_ACTIVE_STATE": "'active'",
        "GITLAB_DOTCOM_CONFIRMED_DATE": mostly(
            "confirmed", 0.96, f"created + to_seconds(CAST({roll('confirm')} % 90000 AS INTEGER))"
        ),
        "GITLAB_DOTCOM_CREATED_DATE": "created",
        "GITLAB_DOTCOM_LAST_LOGIN_DATE": mostly(
            "logged in", 0.97, f"created + to_milliseconds({login_ms})"
        ),
        "GITLAB_DOTCOM_EMAIL_OPTED_IN": mostly(
            "asked", 0.9, chance(seed_number, "opted in", 0.45, "n")
        ),
        "IS_PQL": chance(seed_number, "pql", 0.08, "n"),
        "MAX_TRIAL_START_DATE": mostly("trial", 0.25, "date_trunc('day', created)"),
        "NAMESPACES_ARRAY": namespaces_text(seed_number, as_of),
    }
    return ", ".join(f"{value} AS {name}" for name, value in columns.items())


def _company(seed_number: int) -> str:
    """SQL of a name such as `Cobalt Robotics GmbH`."""
    first = pick(words.COMPANY_FIRSTS, dice(seed_number, "company first", "n"))
    second = pick(words.COMPANY_SECONDS, dice(seed_number, "company second", "n"))
    form = pick(words.COMPANY_FORMS, dice(seed_number, "company form", "n"))
    return f"{first} || ' ' || {second} || {form}"
