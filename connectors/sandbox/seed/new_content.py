"""SQL of what a build changes in a row: content of changed rows, order of flapped ones."""

from __future__ import annotations

import datetime as dt

from connectors.sandbox.seed import words
from connectors.sandbox.seed.table import USER_ID, dice, pick, timestamp_before

_DAY = dt.timedelta(days=1)
_MEMBERS = '"CURRENT_MEMBER_COUNT":'


def new_content(seed_number: int, changed_at: dt.datetime) -> dict[str, str]:
    """SQL of the columns a fate may change. `what` (0 to 99) says which one changes.

    62 of 100 changes are a new login, as in life: the rest are names, a job, the opt-in, and the
    size of a namespace.
    """
    roll = dice(seed_number, "value", USER_ID)
    login = timestamp_before(changed_at, _DAY, roll)
    email = _other_email(seed_number)
    return {
        "DIM_MARKETING_CONTACT_ID": (
            f"CASE WHEN fate = 'email' THEN md5({email}) ELSE DIM_MARKETING_CONTACT_ID END"
        ),
        "EMAIL_ADDRESS": f"CASE WHEN fate = 'email' THEN {email} ELSE EMAIL_ADDRESS END",
        "GITLAB_DOTCOM_LAST_LOGIN_DATE": (
            f"CASE WHEN what < 62 THEN {login} ELSE GITLAB_DOTCOM_LAST_LOGIN_DATE END"
        ),
        "FIRST_NAME": _other_word(words.FIRST_NAMES, roll, "FIRST_NAME", 62, 67),
        "LAST_NAME": _other_word(words.LAST_NAMES, roll, "LAST_NAME", 67, 72),
        "JOB_TITLE": _other_word(words.JOB_TITLES, roll, "JOB_TITLE", 72, 82),
        "GITLAB_DOTCOM_EMAIL_OPTED_IN": (
            "CASE WHEN what BETWEEN 82 AND 89"
            " THEN NOT coalesce(GITLAB_DOTCOM_EMAIL_OPTED_IN, false)"
            " ELSE GITLAB_DOTCOM_EMAIL_OPTED_IN END"
        ),
        "NAMESPACES_ARRAY": _other_array(roll),
    }


def _other_word(choice: tuple[str, ...], roll: str, column: str, first: int, end: int) -> str:
    """SQL of another word than the present one, where `what` lies in [first, end)."""
    candidate, neighbour = pick(choice, roll), pick(choice, f"({roll} + 1)")
    other = f"CASE WHEN {candidate} = {column} THEN {neighbour} ELSE {candidate} END"
    return f"CASE WHEN what >= {first} AND what < {end} THEN {other} ELSE {column} END"


def _other_email(seed_number: int) -> str:
    """SQL of another address for the same person; a mark replaces that of an earlier change."""
    local = "regexp_replace(split_part(EMAIL_ADDRESS, '@', 1), '-[0-9a-f]{6}$', '')"
    mark = (
        f"substr(md5(CAST({dice(seed_number, 'mark', USER_ID, 'EMAIL_ADDRESS')} AS VARCHAR)), 1, 6)"
    )
    domain = pick(words.EMAIL_DOMAINS, dice(seed_number, "new domain", USER_ID))
    return f"{local} || '-' || {mark} || '@' || {domain}"


def _other_array(roll: str) -> str:
    """SQL of the array with its order turned where it flaps and one attribute grown if changed.

    Elements hold no nested objects, so `},{` stands between two of them and nowhere else.
    """
    text = "CAST(NAMESPACES_ARRAY AS VARCHAR)"
    count = f"CAST(regexp_extract({text}, '{_MEMBERS}(\\d+)', 1) AS BIGINT)"
    grown = (
        f"CASE WHEN what >= 90 THEN regexp_replace({text}, '{_MEMBERS}\\d+',"
        f" '{_MEMBERS}' || ({count} + 1 + {roll} % 9)) ELSE {text} END"
    )
    elements = f"string_split(substr({grown}, 3, length({grown}) - 4), '}},{{')"
    turn = f"(1 + CAST({roll} % (len({elements}) - 1) AS BIGINT))"
    turned = f"list_concat(({elements})[{turn} + 1:], ({elements})[:{turn}])"
    moves = "flaps AND fate IN ('changed', 'flapped')"
    return (
        f"CAST(CASE WHEN {moves} THEN '[{{' || array_to_string({turned}, '}},{{') || '}}]'"
        f" ELSE {grown} END AS JSON)"
    )
