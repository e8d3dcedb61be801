"""Into the topic: each changed row once, nothing known before the broker holds it."""

from __future__ import annotations

from tests.sabotage.mutation import Mutation

_PUBLISH = "worker/stages/publish.py"
_CATCH_UP = "worker/stages/catch_up.py"

PUBLISHING = (
    Mutation(
        name="ack_first",
        promise="The index learns a row only once the broker holds it.",
        file=_PUBLISH,
        old="        sent = await self._producer.send(",
        new="        early = [KnownRow(c.key, _hash(c), 0, d, f) for c, d, f in rows]\n"
        "        await asyncio.to_thread(self._remember, prepared, early, {})\n"
        "        sent = await self._producer.send(",
        tests=(
            "tests/unit/stages/test_review_poll.py::test_a_page_that_could_not_be_sent_counts_too",
            "tests/unit/stages/test_publish_crashes.py::test_a_crash_at_any_step_loses_nothing",
        ),
    ),
    Mutation(
        name="commit_before_send",
        promise="The watermark moves on to rows that are in the topic, and no further.",
        file="worker/stages/follow.py",
        old="                    await self._publish.add(reservation, poll.prepared, page)\n"
        "                    read = self._position(poll, page)\n",
        new="                    read = self._position(poll, page)\n"
        "                    await self._publish.add(reservation, poll.prepared, page)\n",
        tests=(
            "tests/unit/stages/test_review_poll.py::test_a_first_page_that_could_not_be_sent_counts_without_a_watermark",
        ),
    ),
    Mutation(
        name="own_offsets",
        promise="Records that somebody else wrote in between are read before they are built on.",
        file=_PUBLISH,
        old="{p: r.stop for p, r in offsets.items() if r.start == known.get(p, 0)}",
        new="{p: r.stop for p, r in offsets.items() if r.start >= 0 or known}",
        tests=(
            "tests/unit/stages/test_publish_crashes.py::test_what_others_wrote_while_we_polled_is_read_by_the_next_poll",
        ),
    ),
    Mutation(
        name="array_order",
        promise="An array of objects whose order flaps between two builds is no change.",
        file="worker/rules/fingerprint.py",
        old="return _sorted_objects(inner_values)",
        new="return inner_values",
        tests=(
            "tests/unit/rules/test_fingerprint.py::test_order_of_keys_and_objects_is_no_change",
        ),
    ),
    Mutation(
        name="page_twice",
        promise="Of a key that stands twice in a page only its last row goes out.",
        file="worker/stages/compare.py",
        old="last = list({key: i for i, key in enumerate(keys)}.values())",
        new="last = list(range(len(keys)))",
        tests=(
            "tests/unit/stages/test_publish_crashes.py::test_of_a_key_that_stands_twice_in_a_page_the_last_row_counts",
            "tests/unit/stages/test_review_publish.py::test_the_last_row_of_a_key_that_stands_twice_is_published_once",
        ),
    ),
    Mutation(
        name="retyped",
        promise="A column whose type changed stops the model: Iterable fixes a type for ever.",
        file="worker/stages/admit.py",
        old="        await self._refuse_retyped(model, columns)\n",
        new="",
        tests=("tests/unit/stages/test_poll.py::test_a_missing_or_retyped_column_stops_the_model",),
    ),
    Mutation(
        name="missing_column",
        promise="A model without a column that a sync maps publishes nothing.",
        file="worker/rules/changes.py",
        old="for needed in sorted(model.needed_columns):",
        new="for needed in sorted(model.needed_columns)[:0]:",
        tests=(
            "tests/unit/stages/test_review_publish.py::test_a_mapped_column_that_is_gone_is_named_before_anything_is_read",
        ),
    ),
    Mutation(
        name="too_large",
        promise="A row that no topic takes stands in the dead letters.",
        file=_PUBLISH,
        old="            await self._set_aside(prepared, refused)\n",
        new="            refused.clear()\n",
        tests=(
            "tests/unit/stages/test_review_publish.py::test_a_row_that_no_topic_takes_is_set_aside_and_not_tried_again",
        ),
    ),
    Mutation(
        name="moved_row",
        promise="A row whose partition changed leaves no second newest version behind.",
        file=_PUBLISH,
        old="before != change.partition_hash % prepared.partitions",
        new="before < 0",
        tests=(
            "tests/unit/stages/test_admit.py::test_a_row_that_moves_leaves_a_tombstone_where_it_stood",
        ),
    ),
    Mutation(
        name="catch_up_epoch",
        promise="A record that a replaced poller wrote behind its successor's is not believed.",
        file=_CATCH_UP,
        old="elif row.epoch < gathered.epochs.get(row.partition, 0):",
        new="elif row.epoch < 0:",
        tests=(
            "tests/unit/stages/test_catch_up.py::test_a_lower_epoch_behind_a_higher_puts_its_key_in_doubt",
        ),
    ),
    Mutation(
        name="catch_up_doubt",
        promise="A key whose newest record is superseded is read again.",
        file=_CATCH_UP,
        old="gathered.doubted[row.key] = row.changed_at_ns",
        new="gathered.doubted.pop(row.key, None)",
        tests=(
            "tests/unit/stages/test_catch_up.py::test_a_poll_reads_again_from_the_oldest_doubt_and_publishes",
        ),
    ),
    Mutation(
        name="strangers_record",
        promise="A record that no poller wrote is not taken for the model's word.",
        file=_CATCH_UP,
        old="KnownRow(row.key, _NO_ROWS_HASH, row.partition)",
        new="self._known(model, row)",
        tests=(
            "tests/unit/stages/test_catch_up.py::test_what_no_poller_wrote_is_not_what_the_model_says",
        ),
    ),
    Mutation(
        name="topic_made_anew",
        promise="What was known of a topic that was deleted is forgotten.",
        file=_CATCH_UP,
        old="if any(offset > ends.get(partition, 0) for",
        new="if any(offset < 0 for",
        tests=(
            "tests/unit/stages/test_catch_up.py::test_a_topic_made_anew_is_read_from_its_start",
        ),
    ),
    Mutation(
        name="unacked_bytes",
        promise="Records without an ack take no more memory than is set aside for them.",
        file="connectors/kafka/producer.py",
        old="while self._bytes > MAX_UNACKED_BYTES:",
        new="while self._bytes < 0:",
        tests=(
            "tests/unit/connectors/test_kafka_flight.py::test_too_many_bytes_wait_for_the_oldest_acks",
        ),
    ),
)
