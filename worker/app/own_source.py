"""Sources of a user's own: a class that the configuration names, `package.module:Class`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import cast

from connectors.errors import ConnectorError
from connectors.ports import Source
from worker.config.document import ConfigError

METHODS = tuple(name for name in vars(Source) if not name.startswith("_"))


def own_source(
    path: str, options: Mapping[str, object], secrets: Callable[[], Mapping[str, object]]
) -> Source:
    """Return `Class(options, secrets)`; ConfigError says what of it is missing or failed.

    Of an error that is not ours only its kind is said: its text may hold an option's value.
    """
    found = _named(path)
    if missing := [name for name in METHODS if not callable(getattr(found, name, None))]:
        raise _wrong(path, f"it lacks {', '.join(missing)} of the port Source")
    try:
        return cast("Source", found(options, secrets))
    except (ConnectorError, ConfigError):
        raise
    except Exception as error:  # noqa: BLE001  # a user's own code may raise anything
        raise _wrong(path, f"it can't be made of its options ({type(error).__name__})") from None


def _named(path: str) -> Callable[..., object]:
    module_name, _, class_name = path.partition(":")
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise _wrong(
            path,
            f"there is no module {error.name}: install it beside Hightide, or name its folder in "
            "PYTHONPATH",
        ) from None
    except Exception as error:  # noqa: BLE001  # same
        raise _wrong(path, f"its module can't be imported ({type(error).__name__})") from None
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        raise _wrong(path, f"the module {module_name} has no class {class_name}")
    return found


def _wrong(path: str, sentence: str) -> ConfigError:
    return ConfigError(f"source type {path}: {sentence}")
