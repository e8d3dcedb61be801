"""Events and lists: one event for one row, one list for all, and the right people on it."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_EVENTS = "connectors/iterable/events.py"
_LISTS = "connectors/iterable/lists.py"
_STATIC_LIST = "connectors/iterable/static_list.py"
_SNAPSHOT = "worker/stages/snapshot.py"
_LOAD = "worker/config/load.py"
_SUITE = "tests/contract/test_iterable_objects.py"
_IDENTITY = "tests/unit/stages/test_snapshot_identity.py"

OBJECTS = (
    Mutation(
        name="event_id",
        promise="A row that is sent twice is one event.",
        file=_EVENTS,
        old='            "id": event_id,\n',
        new="",
        tests=(f"{_SUITE}::test_a_row_that_is_sent_again_changes_nothing",),
    ),
    Mutation(
        name="create_fields",
        promise="Where nobody wants new fields none are made.",
        file="worker/app/parts.py",
        old="sync.merge_nested, sync.create_fields\n",
        new="sync.merge_nested\n",
        tests=(
            "tests/unit/config/test_create_fields.py::test_each_call_says_whether_fields_may_be_made",
        ),
    ),
    Mutation(
        name="event_space",
        promise="Rows of two models with the same key are two events.",
        file=_EVENTS,
        old="self._space + key",
        new="key",
        tests=(
            "tests/unit/connectors/test_events.py::test_events_of_other_rows_models_or_names_have_other_ids",
        ),
    ),
    Mutation(
        name="event_time",
        promise="An event without a time of its own never gets that of the call.",
        file=_EVENTS,
        old="        if created_at is None:\n",
        new="        if not self._space:\n",
        tests=("tests/unit/connectors/test_events.py::test_a_row_without_a_time_is_unmappable",),
    ),
    Mutation(
        name="event_waits",
        promise="An event that comes before its profile is asked about again.",
        file="connectors/iterable/answers.py",
        old="    unknown = Postponed(RejectReason.UNKNOWN_USER, 200)\n",
        new="    unknown = Rejected(RejectReason.UNKNOWN_USER, 200)\n",
        tests=(
            "tests/contract/test_iterable_events.py::test_an_event_that_came_before_its_profile_is_taken_later",
        ),
    ),
    Mutation(
        name="channel",
        promise="Nobody who leaves a list is unsubscribed from the channel.",
        file=_LISTS,
        old="b'],\"channelUnsubscribe\":false}'",
        new='b"]}"',
        tests=(
            "tests/unit/connectors/test_lists.py::test_taking_somebody_off_never_silences_the_channel",
        ),
    ),
    Mutation(
        name="list_race",
        promise="Processes that all find a list missing end on one list.",
        file=_STATIC_LIST,
        old="        if (first := min(found)) != made:\n",
        new="        if (first := made) != made:\n",
        tests=(
            "tests/unit/connectors/test_static_list.py::test_all_processes_end_on_one_list_and_no_other_is_left",
            "tests/contract/test_iterable_lists.py::test_two_processes_that_find_no_list_end_on_one",
        ),
    ),
    Mutation(
        name="list_shown",
        promise="Nothing is sent to a new list before others can see it.",
        file=_STATIC_LIST,
        old="            if self._is_young():\n                raise RetryableError("
        '"Iterable does not show the new list yet", kind="list_young")\n',
        new="",
        tests=(
            "tests/unit/connectors/test_static_list.py::test_all_processes_end_on_one_list_and_no_other_is_left",
        ),
    ),
    Mutation(
        name="list_lost",
        promise="No empty list takes the place of one that was removed.",
        file=_STATIC_LIST,
        old="        self._makes = False\n",
        new="",
        tests=(
            "tests/contract/test_iterable_lists.py::test_a_list_that_was_removed_stops_the_sync_until_it_is_there",
        ),
    ),
    Mutation(
        name="list_heals",
        promise="A sync goes on by itself once its list is there again.",
        file=_STATIC_LIST,
        old="        if self._id == list_id:\n            self._id = None\n",
        new="",
        tests=(
            "tests/contract/test_iterable_lists.py::test_a_list_that_was_removed_stops_the_sync_until_it_is_there",
        ),
    ),
    Mutation(
        name="list_refused",
        promise="No row is set aside because its list can't be made.",
        file=_STATIC_LIST,
        old="    except (RefusedError, TooLargeError):\n",
        new="    except ZeroDivisionError:\n",
        tests=(
            "tests/unit/connectors/test_static_list.py::test_when_the_list_cant_be_found_or_made_no_row_is_at_fault",
        ),
    ),
    Mutation(
        name="mirror_order",
        promise="A profile whose row only got another key stays on the list.",
        file=_SNAPSHOT,
        old="        await self._publish_gone(prepared, clock_ns)\n"
        "        await self._publish_renamed(prepared, clock_ns)\n"
        "        await self._publish_changed(prepared)\n",
        new="        await self._publish_renamed(prepared, clock_ns)\n"
        "        await self._publish_changed(prepared)\n"
        "        await self._publish_gone(prepared, clock_ns)\n",
        tests=(f"{_IDENTITY}::test_a_profile_whose_row_got_another_key_stays",),
    ),
    Mutation(
        name="mirror_renamed",
        promise="A profile whose key is somebody else's now leaves the list.",
        file=_SNAPSHOT,
        old="        await self._publish_renamed(prepared, clock_ns)\n",
        new="",
        tests=(f"{_IDENTITY}::test_a_key_that_is_another_profiles_now_says_whose_it_was",),
    ),
    Mutation(
        name="mirror_watermark",
        promise="A mirror that could never take anybody off its list is refused.",
        file=_LOAD,
        old="    if not model.is_snapshot:\n",
        new="    if not model.sql:\n",
        tests=(
            "tests/unit/config/test_wrong_objects.py::test_a_mirror_of_a_model_read_by_watermark_is_refused",
        ),
    ),
    Mutation(
        name="mirror_partition",
        promise="A mirror whose profiles' rows could be read out of order is refused.",
        file=_LOAD,
        old="    if column != (model.partition_by or model.primary_key):\n",
        new="    if not column:\n",
        tests=(
            "tests/unit/config/test_wrong_objects.py::test_a_mirror_needs_the_rows_of_a_profile_in_one_partition",
        ),
    ),
)
