"""Which e-mail addresses and userIds Iterable takes.

`email-validator` costs 30 µs an address: a bulk call of 1,000 would spend the whole budget on it.
So a plain address is decided by one regular expression, and only the odd ones by the library.
"""

from __future__ import annotations

import re

from email_validator import EmailNotValidError, validate_email

MAX_USER_ID_CHARACTERS = 52

_ATOM = r"[A-Za-z0-9_+-]+"
_PLAIN_EMAIL = re.compile(
    rf"(?=[^@]{{1,64}}@[^@]{{1,190}}\Z){_ATOM}(?:\.{_ATOM})*"
    r"@(?:[A-Za-z0-9]{1,30}(?:-[A-Za-z0-9]{1,30})?\.)+"
    r"(?!(?i:local|localhost|invalid|onion|arpa)\Z)[A-Za-z]{2,24}"
)
_TOP_LEVEL = re.compile(r"@[^@]*\.[^@.]{2,}\Z")
_USER_ID = re.compile(r"[\x20-\x7e]*[\x21-\x7e]")


def is_email(value: object) -> bool:
    """Whether the value is a well-formed address; nothing is asked of the network."""
    if type(value) is not str:
        return False
    if _PLAIN_EMAIL.fullmatch(value):
        return True
    return _TOP_LEVEL.search(value) is not None and _odd_but_valid(value)


def is_user_id(value: object) -> bool:
    """Whether the value is 1 to 52 printable ASCII characters with no blank at the end."""
    return (
        type(value) is str
        and len(value) <= MAX_USER_ID_CHARACTERS
        and _USER_ID.fullmatch(value) is not None
    )


def _odd_but_valid(value: str) -> bool:
    try:
        validate_email(
            value, check_deliverability=False, test_environment=True, allow_quoted_local=True
        )
    except EmailNotValidError:
        return False
    return True
