"""A sync: what the rows of a model become at the destination, and when. One class per object."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from worker.config.fields import Condition, Fields
from worker.config.types import CronExpression, Interval, Said, Seconds, Strict, Zone, within
from worker.rules.mapping import FromColumn, MappingPolicy
from worker.rules.mapping.names import is_reserved
from worker.rules.schedule import DAILY, Continuous, Cron, Every, Schedule


class _Sync(Strict):
    """What every sync says, whatever its rows become."""

    model: str = Field(description="name of the model")
    destination: str = Field(description="name of the destination")
    every: Interval = Field(
        default=None,
        description="how often the model is polled; one of every, cron and continuous, "
        "24h when none is said",
    )
    cron: CronExpression | None = Field(
        default=None,
        description="when the model is polled: minute, hour, day of month, month, day of week, "
        "e.g. '45 8 * * *'",
    )
    zone: Zone | None = Field(default=None, description="time zone of cron (UTC)")
    continuous: Interval = Field(
        default=None, description="how long after the end of a poll the next one starts"
    )
    match: dict[Literal["email", "userId"], Said] = Field(
        min_length=1, max_length=1, description="profile identifier: the column that holds it"
    )
    fields: Fields = Field(default={}, description="field: column, see docs/mapping.md")
    filter: Condition = Field(
        default=None,
        description="expression that is true for the rows that go out, see docs/mapping.md",
    )
    nulls: Literal["clear", "keep"] = Field(
        default="clear", description="what a NULL does to the field: remove it, or leave it"
    )
    rate_share: float = Field(
        default=0.9, gt=0, le=1, description="share of Iterable's published limit that is used"
    )
    linger: Annotated[Seconds, AfterValidator(within(0, 60))] = Field(
        default=0.5, description="how long a row waits for others to fill its call (0.5s)"
    )
    max_reject_share: float = Field(
        default=0.2, ge=0, le=1, description="share of rejected rows above which the sync stops"
    )

    @model_validator(mode="after")
    def _one_schedule(self) -> Self:
        said = [n for n in ("every", "cron", "continuous") if getattr(self, n) is not None]
        if len(said) > 1:
            raise ValueError(f"a sync has one schedule: keep one of {', '.join(said)}")
        if self.zone is not None and self.cron is None:
            raise ValueError("zone is the time zone of cron: remove it, or say when with cron")
        return self

    @property
    def properties(self) -> dict[str, str]:
        """What stands beside the fields in an item of its own: its column, by its name there."""
        return {}

    @property
    def mapping(self) -> MappingPolicy:
        """What becomes of a row, as the rules know it."""
        [match_column] = self.match.values()
        return MappingPolicy(match_column, self.fields, self.nulls, self.properties, self.filter)

    @property
    def renamed(self) -> dict[str, str]:
        """The fields that are a column and nothing more: field, column."""
        return {
            name: source.column
            for name, source in self.fields.items()
            if isinstance(source, FromColumn) and source.pin is None
        }

    @property
    def columns(self) -> frozenset[str]:
        """Every column of the model that this sync reads."""
        return self.mapping.columns

    @property
    def schedule(self) -> Schedule:
        """When this sync wants its model polled."""
        if self.cron is not None:
            return Cron(self.cron, self.zone or "UTC")
        if self.continuous is not None:
            return Continuous(self.continuous)
        return DAILY if self.every is None else Every(self.every)


Existence = Literal["prefer_user_id", "update_only", "index", "look_up"]


class UsersSync(_Sync):
    """Rows become profiles."""

    object: Literal["users"] = Field(description="what a row becomes there")
    mode: Literal["upsert", "update"] = Field(
        description="upsert creates profiles, update never does"
    )
    existence: Existence | None = Field(
        default=None,
        description="how update knows who exists, see docs/existence.md; prefer_user_id where it "
        "works (match by userId in an e-mail-based project), else index",
    )
    fields: Fields = Field(
        min_length=1,
        description="profile field: column, constant or expression, see docs/mapping.md",
    )
    merge_nested: bool = Field(
        default=False,
        description="yes: an object keeps the members that are not mapped; no: it is replaced",
    )
    create_fields: bool = Field(
        default=True,
        description="no: fields that the project does not have are left out, not created there",
    )


class EventsSync(_Sync):
    """Rows become custom events of profiles that exist."""

    object: Literal["events"] = Field(description="what a row becomes there")
    mode: Literal["insert"] = Field(
        default="insert", description="an event with a known id takes the place of the older one"
    )
    event_name: Said = Field(description="name of the events")
    created_at: Said = Field(description="column that says when the event happened")
    event_id: Said | None = Field(
        default=None, description="column of the event's id; made of the primary key when not said"
    )
    fields: Fields = Field(
        default={}, description="event field: column, constant or expression, see docs/mapping.md"
    )
    create_fields: bool = Field(
        default=True,
        description="no: fields that the project does not have are left out, not created there",
    )

    @property
    def properties(self) -> dict[str, str]:
        """What stands in the event itself: its column, by the name Iterable has for it."""
        own_id = {} if self.event_id is None else {"id": self.event_id}
        return {"createdAt": self.created_at, **own_id}


class ListsSync(_Sync):
    """Rows become members of a static list (a segment)."""

    object: Literal["lists"] = Field(description="what a row becomes there")
    mode: Literal["add", "remove", "mirror"] = Field(
        description="add rows to the list, remove them from it, or keep it equal to the model"
    )
    list: Said = Field(description="name of the list; created when it is absent")
    create_profiles: bool = Field(
        default=True, description="no: only profiles that exist are put on the list"
    )
    fields: Fields = Field(
        default={},
        description="profile field: column, constant or expression, see docs/mapping.md",
    )


OBJECTS = ("users", "events", "lists")
SyncConfig = Annotated[UsersSync | EventsSync | ListsSync, Field(discriminator="object")]


def reserved_field(sync: SyncConfig) -> str | None:
    """Return a mapped field of a profile that belongs to Iterable, if there is one."""
    if isinstance(sync, EventsSync):
        return None  # an event's fields are its own
    return next((name for name in sync.fields if is_reserved(name)), None)


def existence_of(sync: UsersSync, project_type: str) -> Existence | None:
    """Return how an update knows who exists; None for a sync that may create."""
    if sync.mode == "upsert":
        return None
    if sync.existence is not None:
        return sync.existence
    return "prefer_user_id" if "userId" in sync.match and project_type == "email" else "index"
