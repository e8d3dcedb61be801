"""SQL of NAMESPACES_ARRAY: a JSON text of what each user belongs to, mostly 1 to 3, rarely 50.

As Snowflake's OBJECT_CONSTRUCT does, keys stand in alphabetical order and a NULL attribute is an
absent key.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from connectors.sandbox.seed.table import chance, dice, pick

_OWNERS = 5  # of the 14 below
_LEVELS = (
    *((50, "Owner"),) * _OWNERS,
    *((40, "Maintainer"),) * 2,
    *((30, "Developer"),) * 4,
    *((20, "Reporter"), (10, "Guest"), (5, "Minimal access")),
)
_PLANS = (*("Free",) * 9, *("Premium",) * 3, "Ultimate", *("Ultimate Trial",) * 2)
_PAID = {"Premium", "Ultimate"}
_STAGES = ("create", "plan", "verify", "package", "release", "secure", "configure", "monitor")
_INTEGRATIONS = ("jira", "slack", "jenkins", "datadog", "discord", "teamcity", "pagerduty")
_GLM_SOURCES = ("about.gitlab.com/pricing/", "about.gitlab.com/", "docs.gitlab.com/ee/ci/")
_INSIGHTS = ("Top feature: members invited", "Top feature: pipelines run", "Top feature: issues")
_DAY_FORMAT = "%Y-%m-%d 00:00:00.000"
_MOMENT_FORMAT = "%Y-%m-%d %H:%M:%S.%g"


def namespaces_text(seed_number: int, as_of: dt.datetime) -> str:
    """SQL over columns n, user_id, created: the array as JSON text, NULL for 30 % of the users."""
    element = "'{' || concat_ws(',', " + ", ".join(_parts(seed_number, as_of)) + ") || '}'"
    elements = f"list_transform(range({_count(seed_number)}), lambda i: {element})"
    present = chance(seed_number, "has namespaces", 0.7, "n")
    return f"CASE WHEN {present} THEN '[' || array_to_string({elements}, ',') || ']' END"


def _count(seed_number: int) -> str:
    """How many: 60 % have one, 37 % two or three, 2.5 % up to 9, 0.5 % (agencies) 10 to 60."""
    number = dice(seed_number, "namespace count", "n")
    return f"""CAST(CASE
        WHEN {number} % 1000 < 600 THEN 1
        WHEN {number} % 1000 < 850 THEN 2
        WHEN {number} % 1000 < 970 THEN 3
        WHEN {number} % 1000 < 995 THEN 4 + ({number} // 1000) % 6
        ELSE 10 + ({number} // 1000) % 51
    END AS BIGINT)"""


def _parts(seed_number: int, as_of: dt.datetime) -> list[str]:
    """SQL of each `"KEY":value`; NULL, hence skipped, where the attribute is absent."""
    draw = _Draw(seed_number, f"TIMESTAMP '{as_of:%Y-%m-%d %H:%M:%S}'")
    return sorted([*_membership(draw), *_plan(draw), *_usage(draw), *_trial(draw), *_score(draw)])


@dataclass(frozen=True, slots=True)
class _Draw:
    """Dice of one element: number i of user n."""

    seed_number: int
    now: str

    def roll(self, purpose: str) -> str:
        return dice(self.seed_number, purpose, "n", "i")

    def sometimes(self, purpose: str, share: float) -> str:
        return chance(self.seed_number, purpose, share, "n", "i")


def _membership(draw: _Draw) -> list[str]:
    level = draw.roll("access level")
    namespace = f"60000000 + 97 * ({dice(draw.seed_number, 'ns', 'n')} % 400000) + i"
    creator = f"CASE WHEN {level} % {len(_LEVELS)} < {_OWNERS} THEN user_id ELSE user_id - 7 END"
    company, answered = draw.sometimes("company", 0.6), draw.sometimes("answered", 0.8)
    return [
        _plain("USER_ID", "user_id"),
        _plain("NAMESPACE_ID", namespace),
        _plain("CREATOR_USER_ID", creator),
        _moment("CREATED_AT", "(created + to_minutes(i))", _MOMENT_FORMAT),
        _plain("CURRENT_MEMBER_COUNT", f"1 + {draw.roll('members')} % 120"),
        _plain("IS_SETUP_FOR_COMPANY", company, answered),
        _plain("USER_ACCESS_LEVEL", pick(tuple(str(number) for number, _ in _LEVELS), level)),
        _text("USER_ACCESS_LEVEL_NAME", pick(tuple(name for _, name in _LEVELS), level)),
    ]


def _plan(draw: _Draw) -> list[str]:
    plan, sourced = draw.roll("plan"), draw.sometimes("source", 0.25)
    limited = draw.sometimes("limited", 0.03)
    paid = pick(tuple(str(name in _PAID).lower() for name in _PLANS), plan)
    return [
        _text("GITLAB_PLAN_TITLE", pick(_PLANS, plan)),
        _plain("GITLAB_PLAN_IS_PAID", paid),
        _plain("GLM_CONTENT", "'\"default-saas-trial\"'", sourced),
        _text("GLM_SOURCE", pick(_GLM_SOURCES, draw.roll("glm source")), sourced),
        _plain("IS_NAMESPACE_PQL", draw.sometimes("pql", 0.05)),
        _plain("IS_IMPACTED_BY_USER_LIMIT", "true", limited),
        _moment("USER_LIMIT_NOTIFICATION_AT", draw.now, _DAY_FORMAT, limited),
    ]


def _usage(draw: _Draw) -> list[str]:
    stages = f"CAST({draw.roll('stages')} % 5 AS INTEGER)"
    integrations = f"CAST({draw.roll('integrations')} % 4 AS INTEGER)"
    return [
        _plain("ACTIVE_STAGE_COUNT", stages),
        _words("LIST_OF_STAGES", _STAGES, stages),
        _plain("NBR_INTEGRATIONS_INSTALLED", integrations),
        _words("INTEGRATIONS_INSTALLED", _INTEGRATIONS, integrations),
    ]


def _trial(draw: _Draw) -> list[str]:
    """Only namespaces that had a trial have these keys."""
    trial, kind = draw.sometimes("trial", 0.2), draw.roll("trial type")
    start = f"(created + to_days(CAST({draw.roll('trial day')} % 10 AS INTEGER)))"
    end = f"({start} + to_days(30))"
    return [
        _moment("TRIAL_START_DATE", start, _DAY_FORMAT, trial),
        _moment("TRIAL_EXPIRED_DATE", end, _DAY_FORMAT, trial),
        _plain("IS_ACTIVE_TRIAL", f"{end} > {draw.now}", trial),
        _plain("TRIAL_TYPE", f"1 + {kind} % 2", trial),
        _text("TRIAL_TYPE_NAME", pick(("Ultimate/Premium", "DuoPro"), kind), trial),
    ]


def _score(draw: _Draw) -> list[str]:
    scored = draw.sometimes("scored", 0.3)
    return [
        _text("PTP_INSIGHTS", pick(_INSIGHTS, draw.roll("insight")), scored),
        _plain("PTP_PREVIOUS_SCORE_GROUP", f"1 + {draw.roll('old score')} % 5", scored),
        _moment("PTP_SCORE_DATE", draw.now, _DAY_FORMAT, scored),
        _plain("PTP_SCORE_GROUP", f"1 + {draw.roll('score')} % 5", scored),
        _text("PTP_SOURCE", pick(("Trial", "Free", "Free"), draw.roll("ptp source")), scored),
    ]


def _plain(key: str, value: str, condition: str | None = None) -> str:
    """A value that is JSON already: a number, true or false, or quoted by the caller.

    The key stands first in the SQL too, so that sorting the parts sorts the keys.
    """
    text = f"CAST({value} AS VARCHAR)"
    if condition is not None:
        text = f"CASE WHEN {condition} THEN {text} END"
    return f"'\"{key}\":' || {text}"


def _text(key: str, value: str, condition: str | None = None) -> str:
    return _plain(key, f"('\"' || {value} || '\"')", condition)


def _moment(key: str, moment: str, form: str, condition: str | None = None) -> str:
    return _text(key, f"strftime({moment}, '{form}')", condition)


def _words(key: str, words: tuple[str, ...], count: str) -> str:
    """The first `count` words as a list; no key for none."""
    choices = ["NULL"] + [
        "'[" + ",".join(f'"{word}"' for word in words[:length]) + "]'"
        for length in range(1, len(words) + 1)
    ]
    return f"'\"{key}\":' || ([{', '.join(choices)}])[1 + {count}]"
