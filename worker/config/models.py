"""What is read: sources and models."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from worker.config.types import Options, Said, Seconds, Share, SourceType, Strict, only_utc


class SourceConfig(Strict):
    """A system that is read."""

    type: SourceType = Field(
        description="`snowflake`, `postgres`, or `package.module:Class`, a source of your own "
        "(docs/connectors.md)"
    )
    connection: Options = Field(
        description="options of the connector, passed through. Of snowflake-connector-python: "
        "account, user, role, warehouse, database, schema, authenticator, private_key_file, host, "
        "port, protocol, …; of PostgreSQL: host, port, dbname, user, password, sslmode, …"
    )


class GuardsConfig(Strict):
    """Shares of a model's known rows above which a snapshot is refused, nothing published."""

    max_deleted: Share = Field(default=0.1, description="rows that left the model")
    max_changed: Share = Field(default=1.0, description="rows that changed")
    max_blanked: Share = Field(
        default=0.3, description="rows in which one column held something and holds nothing now"
    )


class ModelConfig(Strict):
    """One SELECT with a primary key and a change column."""

    source: str = Field(description="name of the source it is read from")
    sql: Said = Field(description="the SELECT; exactly one statement")
    primary_key: Said = Field(description="column that identifies a row, as the query names it")
    watermark: Said | None = Field(
        default=None,
        description="column that grows when a row changes: a timestamp, a date or a whole number; "
        "without one the model is read whole each time and compared (a snapshot)",
    )
    read: Literal["changes", "snapshot"] | None = Field(
        default=None,
        description="changes: by the watermark; snapshot: whole each time, which also sees rows "
        "that left; default: changes where there is a watermark",
    )
    watermark_zone: Annotated[Literal["UTC"] | None, BeforeValidator(only_utc)] = Field(
        default=None, description="needed when the watermark is a TIMESTAMP_NTZ: only UTC"
    )
    watermark_unit: Literal["s", "ms", "us", "ns"] | None = Field(
        default=None,
        description="what a whole-number watermark counts since 1970; without it the number is a "
        "counter that says nothing of time",
    )
    partition_by: Said | None = Field(
        default=None,
        description="column whose rows must stay in order across keys, e.g. the user id when the "
        "key is made of the e-mail address; default: the primary key",
    )
    ignore_changes_in: list[Said] = Field(
        default=[], description="columns whose change alone is no change of the row"
    )
    change_tokens: list[Said] = Field(
        default=[],
        description="tables or views to ask for a change before the model is queried at all",
    )
    overlap: Seconds = Field(
        default=900.0, description="how far below the watermark each poll reads again (15m)"
    )
    overlap_numbers: int = Field(
        default=10_000, ge=0, description="the same where the watermark is a counter"
    )
    settle_delay: Seconds = Field(
        default=30.0, description="how far behind Snowflake's clock a poll stops reading (30s)"
    )
    forced_poll: Seconds = Field(
        default=21_600.0, description="query at least this often though no token moved (6h)"
    )
    max_rows_per_query: int = Field(
        default=500_000, ge=1, description="most rows one statement returns"
    )
    guards: GuardsConfig = Field(
        default=GuardsConfig(), description="what one snapshot may do at most"
    )

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.read == "changes" and self.watermark is None:
            raise ValueError("read: changes needs a watermark: name its column, or read a snapshot")
        return self

    @property
    def is_snapshot(self) -> bool:
        """Whether the model is read whole each time."""
        return self.read == "snapshot" or self.watermark is None
