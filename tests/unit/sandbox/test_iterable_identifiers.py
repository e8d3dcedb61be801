"""Which identifiers the sandbox takes; the fast path must agree with the library behind it."""

from __future__ import annotations

import pytest
from email_validator import validate_email
from hypothesis import given
from hypothesis import strategies as st

from connectors.sandbox.iterable.identifiers import _PLAIN_EMAIL, is_email, is_user_id


@pytest.mark.parametrize(
    "email", ["a@x.com", "A.b+c@Sub-Domain.example.org", "ü@x.com", '"a b"@x.com', "a@x.co"]
)
def test_a_well_formed_address_is_taken(email: str) -> None:
    """Plain and odd addresses are both taken."""
    assert is_email(email)


@pytest.mark.parametrize(
    "email",
    ["", "000", "bad@", "@x.com", "a@x", "a@x.c", "a..b@x.com", "a@-x.com", "a b@x.com", 5, None],
)
def test_a_malformed_address_is_refused(email: object) -> None:
    """What is no address is refused, whatever its JSON type."""
    assert not is_email(email)


@given(st.from_regex(r"[a-z0-9_+.-]{1,9}@[a-z0-9.-]{1,9}\.(?:[a-z]{1,4}|local)", fullmatch=True))
def test_the_fast_path_takes_only_what_the_library_takes(email: str) -> None:
    """An address taken without the library is one the library would take."""
    if _PLAIN_EMAIL.fullmatch(email):
        validate_email(email, check_deliverability=False, test_environment=True)


@pytest.mark.parametrize("user_id", ["1", "U-1", "a b", "x" * 52])
def test_a_printable_user_id_is_taken(user_id: str) -> None:
    """Up to 52 printable characters, blanks inside allowed."""
    assert is_user_id(user_id)


@pytest.mark.parametrize("user_id", ["", "x" * 53, "a ", "ü", "a\n", 5, None])
def test_an_unprintable_padded_or_long_user_id_is_refused(user_id: object) -> None:
    """Empty, too long, blank at the end, or not printable ASCII."""
    assert not is_user_id(user_id)
