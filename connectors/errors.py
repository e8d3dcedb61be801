"""Everything that can go wrong outside, named by what must be done about it.

    ConnectorError
    +-- RetryableError      the same call may work later        -> back off, try again
    |   +-- ThrottledError  the remote asked us to slow down    -> pause the endpoint
    +-- TooLargeError       the batch is too big for one call   -> split, try the halves
    +-- RefusedError        a row of the batch is unacceptable  -> find it, dead-letter it
    +-- ConfigurationError  nothing works until a person acts   -> stop the sync, keep offsets
    +-- FencedError         another poller took over            -> exit

Messages are our own sentences. The text of a remote system is never part of one: it may hold
personal data (Iterable echoes field values and, once, the API key). An error that nobody classified
is not caught anywhere: it ends the process, loudly.
"""

from __future__ import annotations

from collections.abc import Iterable


class ConnectorError(Exception):
    """Base of all errors a connector raises; `str()` is safe to log and to show."""


class RetryableError(ConnectorError):
    """The same call may work later.

    `kind` is a word of a closed list, for metrics.
    """

    def __init__(
        self, sentence: str, *, kind: str, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(sentence)
        self.kind = kind
        self.retry_after_seconds = retry_after_seconds


class ThrottledError(RetryableError):
    """The remote answered 429: everything sent to that endpoint must wait."""

    def __init__(self, sentence: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(sentence, kind="throttled", retry_after_seconds=retry_after_seconds)


class TooLargeError(ConnectorError):
    """The batch, or a single record, is larger than one call may be."""

    kind = "too_large"


class RefusedError(ConnectorError):
    """The whole batch was refused because of some of its rows.

    `guilty` holds the indexes of the rows known to be at fault; empty when the answer did not say.
    """

    def __init__(
        self, reason: str, guilty: frozenset[int] = frozenset(), http_status: int = 400
    ) -> None:
        super().__init__(f"the batch was refused: {reason}")
        self.reason = reason
        self.guilty = guilty
        self.http_status = http_status


class ConfigurationError(ConnectorError):
    """Nothing works until a person acts; the sentence says what, where and what to do."""

    def __init__(self, sentence: str, *, kind: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def was_refused(error: ConnectorError) -> bool:
    """Say whether a source refused a statement as it stands: then it returned no row at all."""
    return isinstance(error, ConfigurationError) and error.kind.endswith("_statement")


def unknown_column(model: str, name: str, there: Iterable[str]) -> ConfigurationError:
    """Return the error for a column that a model does not have."""
    return ConfigurationError(
        f"model {model} has no column {name}; it has {', '.join(there)}", kind="unknown_column"
    )


def wrong_watermark(model: str, name: str, kind: str) -> ConfigurationError:
    """Return the error for a watermark column whose values have no order to read by."""
    return ConfigurationError(
        f"model {model}: the watermark {name} must be a timestamp, a date or a whole number, it "
        f"is {kind}",
        kind="watermark_type",
    )


class FencedError(ConnectorError):
    """Another poller with a higher epoch owns the ledger now: stop at once, write nothing more."""
