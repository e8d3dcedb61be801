"""Every mutation there is, in the order of a change's way."""

from __future__ import annotations

from tests.sabotage.answers import ANSWERS
from tests.sabotage.configuring import CONFIGURING
from tests.sabotage.counting import COUNTING
from tests.sabotage.delivering import DELIVERING
from tests.sabotage.existence import EXISTENCE
from tests.sabotage.faults import FAULTS
from tests.sabotage.mapping import MAPPING
from tests.sabotage.objects import OBJECTS
from tests.sabotage.owning import OWNING
from tests.sabotage.pacing import PACING
from tests.sabotage.planning import PLANNING
from tests.sabotage.publishing import PUBLISHING
from tests.sabotage.reading import READING
from tests.sabotage.snapshots import SNAPSHOTS

MUTATIONS = (
    *CONFIGURING,
    *READING,
    *COUNTING,
    *OWNING,
    *PUBLISHING,
    *SNAPSHOTS,
    *MAPPING,
    *PLANNING,
    *DELIVERING,
    *EXISTENCE,
    *ANSWERS,
    *OBJECTS,
    *PACING,
    *FAULTS,
)
