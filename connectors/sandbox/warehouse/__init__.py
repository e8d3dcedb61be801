"""A stand-in for Snowflake: DuckDB behind Snowflake's wire protocol, for the real connector.

      snowflake-connector ==HTTP==> protocol -> Session -> statement -> fakesnow -> DuckDB files
                                       |            one statement at a time
                                       '-> ResultStore: first rows inline, the rest as chunks
      tests, demo         ==HTTP==> admin: seed, daily build, trickle, faults, stats

It is a process of its own (`python -m connectors.sandbox.warehouse`), because fakesnow needs
patches that must not reach the worker's own `snowflake.connector`.
"""

from __future__ import annotations
