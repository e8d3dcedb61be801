"""The sandbox's Kafka: a real broker where the machine allows it, a small stand-in where not.

    __main__ -> launch -> java     what is here
                       -> choice   which broker (pure)
                       -> jars     Apache Kafka's, from Maven, once
                       -> apache | embedded -> tied (a child that never outlives us)
                       -> answering (ready: the API answers)

Run it with `python -m connectors.sandbox.broker --folder DIR`.
"""

from __future__ import annotations

# The first start on a machine downloads 43 MB; give `SandboxProcess.start` this long.
START_DEADLINE_SECONDS = 180.0
