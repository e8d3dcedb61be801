"""Long work shows how far it is: a bar for a person, a line for a tenth where nobody looks on."""

from __future__ import annotations

import io

import pytest
from structlog.testing import capture_logs

from worker.observe.progress import no_progress, show_progress


class Terminal(io.StringIO):
    """A stream that a person looks at."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar() -> None:
    """With what it is, how much of it is done, and how much there is."""
    terminal = Terminal()
    with show_progress(terminal) as progress:
        progress("index of people", 50, 100)
        progress("index of people", 100, 100)

    assert "index of people" in terminal.getvalue()
    assert "100/100" in terminal.getvalue()


def test_a_log_gets_a_line_for_every_tenth() -> None:
    """A hundred steps are eleven lines."""
    with capture_logs() as lines, show_progress(io.StringIO()) as progress:
        for done in range(101):
            progress("index of people", done, 100)

    assert 11 == len(lines)
    assert {"what": "index of people", "rows": 100, "total": 100} == {
        name: lines[-1][name] for name in ("what", "rows", "total")
    }


def test_nothing_to_do_is_no_mistake() -> None:
    """A total of 0 divides nothing."""
    with capture_logs() as lines, show_progress(io.StringIO()) as progress:
        progress("nothing", 0, 0)
    no_progress("nothing", 0, 0)

    assert 1 == len(lines)


def test_two_bars_side_by_side(capsys: pytest.CaptureFixture[str]) -> None:
    """Two models catch up at once; neither shows the other's numbers."""
    terminal = Terminal()
    with show_progress(terminal) as progress:
        progress("index of a", 1, 10)
        progress("index of b", 20, 20)

    assert "1/10" in terminal.getvalue()
    assert "20/20" in terminal.getvalue()
    assert "" == capsys.readouterr().out
