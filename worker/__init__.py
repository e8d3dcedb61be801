"""The path of a change.

              poll (one active)                               deliver (N replicas)
 Snowflake ⇒ poll ⇒ publish ⇒ Kafka: a topic per model ⇒ consume ⇒ deliver ⇒ Iterable
                ⇐ ledger record, after every ack      ⇐ offsets, after every outcome
                                                                   ⇒ dead-letter topic

Data goes right, acknowledgements go left; nothing is saved before the thing to its right is
durable.
"""
