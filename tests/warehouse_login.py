"""How tests reach the warehouse stand-in: the worker's options, a login, the user's model."""

from __future__ import annotations

from typing import Any

import snowflake.connector

from connectors.records import Model
from tests.stand_ins import PASSWORD, StandIn
from tests.warehouse_door import Door

TABLE = "PREP.SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL"
KEY, WATERMARK = "DIM_MARKETING_CONTACT_ID", "LAST_CHANGED"
SQL = """SELECT
  *
FROM
  SENSITIVE.POC_PUMP_MARKETING_CONTACT_NAMESPACE_DETAIL
WHERE
  TO_DATE(GITLAB_DOTCOM_CREATED_DATE) > DATEADD(MONTH, -1, GETDATE())
  AND GITLAB_DOTCOM_LAST_LOGIN_DATE IS NOT NULL
  AND GITLAB_DOTCOM_ACTIVE_STATE IS NOT NULL
  AND NAMESPACES_ARRAY IS NOT NULL"""


def contacts(sql: str, primary_key: str = KEY, watermark: str = WATERMARK) -> Model:
    """A model named contacts."""
    return Model("contacts", sql, primary_key, watermark)


MODEL = contacts(SQL)


def options(warehouse: StandIn, **changed: object) -> dict[str, object]:
    """What stands under sources.*.connection, its secrets resolved."""
    return {
        "account": "sandbox",
        "user": "HIGHTIDE",
        "password": PASSWORD,
        "host": warehouse.ready["host"],
        "port": int(warehouse.ready["port"]),
        "protocol": "http",
        "use_proxy_env": False,
        "database": "PREP",
        "schema": "SENSITIVE",
        **changed,
    }


def door_options(door: Door, **changed: object) -> dict[str, object]:
    """What leads through a door in front of the warehouse, without any proof of who asks."""
    return {
        "account": "sandbox",
        "user": "HIGHTIDE",
        "host": "127.0.0.1",
        "port": door.port,
        "protocol": "http",
        "use_proxy_env": False,
        "database": "PREP",
        "schema": "SENSITIVE",
        "retry_max_attempts": 1,
        **changed,
    }


def log_in(warehouse: StandIn) -> Any:
    """Log in without any code of the worker."""
    return snowflake.connector.connect(
        **options(warehouse), enable_server_session_keep_alive_auto_detection=False
    )
