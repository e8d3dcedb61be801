"""The list of sabotages fits the code as it is, and the harness tells a proof from an accident."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from tests.sabotage.mutation import Mutation, StaleError, applied
from tests.sabotage.mutations import MUTATIONS
from tests.sabotage.origin import ELSEWHERE, elsewhere
from tests.sabotage.tree import PROJECT, copy_files, end_strays
from tests.sabotage.trial import TIMED_OUT, Ran, run_bounded, try_out, verdict

LOCK = Mutation("lock", "The door is locked.", "door.py", "lock()", "pass", ("tests/t.py::test_a",))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of one file."""
    (tmp_path / LOCK.file).write_text("lock()\n")
    return tmp_path


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_mutation_fits_the_code_as_it_is(mutation: Mutation) -> None:
    """Its text stands exactly once in its file, and what takes its place is Python."""
    text = (PROJECT / mutation.file).read_text(encoding="utf-8")
    sabotaged = mutation.sabotaged(text)

    assert text != sabotaged
    compile(sabotaged, mutation.file, "exec")


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda m: m.name)
def test_a_mutation_names_tests_that_exist(mutation: Mutation) -> None:
    """At least one, and each stands in the file that its node id names."""
    assert mutation.tests
    for test in mutation.tests:
        file, _, path = test.partition("::")
        found = {node.name for node in _definitions(PROJECT / file)}
        assert set(path.partition("[")[0].split("::")) <= found


def test_no_two_mutations_have_one_name() -> None:
    """`--only` means one of them."""
    assert [] == [name for name, n in Counter(m.name for m in MUTATIONS).items() if n > 1]


def test_the_file_is_as_before_whatever_happens(tree: Path) -> None:
    """Its text and its time: what was compiled from it is valid again."""
    path = tree / LOCK.file
    os.utime(path, (1_000, 1_000))

    with pytest.raises(ZeroDivisionError), applied(LOCK, tree):
        len(path.read_text()) / 0

    assert "lock()\n" == path.read_text()
    assert 1_000 == path.stat().st_mtime


@pytest.mark.parametrize("text", ["", "lock()\nlock()\n"])
def test_a_text_that_is_not_there_once_is_refused(text: str) -> None:
    """It would leave the mechanism in, or take out another."""
    with pytest.raises(StaleError):
        LOCK.sabotaged(text)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (pytest.ExitCode.OK, "GREEN"),
        (pytest.ExitCode.TESTS_FAILED, "red"),
        (pytest.ExitCode.INTERRUPTED, "broken"),
        (pytest.ExitCode.USAGE_ERROR, "broken"),
        (pytest.ExitCode.NO_TESTS_COLLECTED, "broken"),
        (ELSEWHERE, "broken"),
        (TIMED_OUT, "broken"),
    ],
)
def test_only_a_test_that_failed_is_a_proof(status: int, expected: str) -> None:
    """Not one that was not found, could not be imported, or never ended."""
    assert expected == verdict(status)


def test_the_named_tests_run_on_the_sabotaged_tree(tree: Path) -> None:
    """During the run the mechanism is out; the trial says which test noticed."""
    seen = []

    def run(root: Path, tests: Sequence[str]) -> Ran:
        seen.append(((root / LOCK.file).read_text(), tests))
        return Ran(1, "F\nFAILED tests/t.py::test_a[2-b c] - assert 1 == 2\n1 failed in 0.01s\n")

    trial = try_out(LOCK, tree, run)

    assert [("pass\n", LOCK.tests)] == seen
    assert ("red", "tests/t.py::test_a") == (trial.verdict, trial.noticed_by)


def test_a_module_of_another_tree_is_found(tmp_path: Path) -> None:
    """Only ours count: libraries may be anywhere."""
    modules = {}
    for name, folder in (("worker.a", "copy"), ("connectors.b", "site"), ("pytest", "site")):
        modules[name] = ModuleType(name)
        modules[name].__file__ = str(tmp_path / folder / f"{name}.py")

    assert ["connectors.b"] == elsewhere(modules, tmp_path / "copy")


def test_the_working_tree_is_copied_and_not_the_last_commit(tree: Path, tmp_path: Path) -> None:
    """A file as it stands there; one that was removed there is left out."""
    root = tmp_path / "copy"
    copy_files([LOCK.file, "removed.py"], tree, root)

    assert [LOCK.file] == [path.name for path in root.iterdir()]
    assert "lock()\n" == (root / LOCK.file).read_text()


def test_a_run_that_never_ends_is_ended() -> None:
    """After its deadline, and all of its processes with it."""
    command = [sys.executable, "-c", "import signal; signal.pause()"]

    assert Ran(TIMED_OUT, "") == run_bounded(command, PROJECT, dict(os.environ), 0.2)


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="no /proc here")
def test_nothing_goes_on_running_on_a_copy_that_is_gone(tmp_path: Path) -> None:
    """A stand-in whose test was ended has a session of its own: it is found by its tree."""
    command = [sys.executable, "-c", "import signal; signal.pause()"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, env=environment, start_new_session=True) as stray:
        end_strays(tmp_path)

    assert -signal.SIGKILL == stray.returncode


def _definitions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return [node for node in ast.walk(_parsed(path)) if isinstance(node, kinds)]


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))
