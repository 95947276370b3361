"""The metrics of a process, by their names in docs/reference/metrics.md."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

LATENCY_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)
TAKEOVER_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
BATCH = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000)


class Figures:
    """The metrics of one process, by their names in docs/reference/metrics.md."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, told: str, labels: tuple[str, ...] = ()) -> Counter:
            return Counter(f"leadflow_{name}", told, labels, registry=registry)

        def gauge(name: str, told: str, labels: tuple[str, ...] = ()) -> Gauge:
            return Gauge(f"leadflow_{name}", told, labels, registry=registry)

        def histogram(name: str, told: str, buckets: tuple[float, ...]) -> Histogram:
            return Histogram(f"leadflow_{name}", told, registry=registry, buckets=buckets)

        place = ("topic", "partition")
        self.requests = counter("requests", "Requests decided, by kind and outcome.", ("kind", "outcome"))
        self.facts = counter("facts", "Facts written to the log, or projected from it.")
        self.dead_letters = counter("dead_letters", "Requests kept as dead letters.")
        self.rebalances = counter("rebalances", "New divisions of the partitions by the group.")
        self.fencings = counter("fencings", "Times that another process took over what this one wrote.")
        self.retries = counter("retries", "Times that the process had to begin anew.")
        self.decision_s = histogram("decision_seconds", "Deciding (or applying) one batch.", LATENCY_S)
        self.commit_s = histogram("commit_seconds", "From a batch's first write to its commit.", LATENCY_S)
        self.batch = histogram("batch_size", "Requests (or facts) of one transaction.", BATCH)
        self.takeover_s = histogram("takeover_seconds", "Taking a partition, to the first step.", TAKEOVER_S)
        self.held = gauge("partitions_held", "Partitions that this process works on.")
        self.lag_events = gauge("lag_events", "Records that wait in a topic for this process.", place)
        self.lag_s = gauge("lag_seconds", "Age of the oldest record that waits.", place)
        self.position = gauge("log_position", "Position of the last fact in the log.", ("partition",))
        self.projected = gauge(
            "projection_position", "Position that a projection has reached.", ("projection", "partition")
        )
        self.still_s = gauge(
            "seconds_since_progress", "Since a partition moved, or nothing waited in it.", ("partition",)
        )
        self.notified = counter(
            "notifications", "Notifications that were tried, by way and outcome.", ("way", "outcome")
        )
        self.waiting = gauge("notifications_waiting", "Notifications that wait to be sent.")
        self.parked = gauge("notifications_parked", "Notifications that were given up, for a person to see.")
        self.oldest_s = gauge("notifications_oldest_seconds", "Age of the oldest that waits.")
        self.pulls = counter("pulls", "Times that a vendor was asked for what it did not push.", ("outcome",))
        self.pulled = counter("pulled_leads", "Leads that a vendor showed when it was asked.", ("answer",))
        self.pulled_s = gauge(
            "pulls_oldest_seconds", "Since the last good pull of the inlet that waits longest."
        )
        self.step_s = gauge("seconds_since_step", "Since the last step of the process's slowest part.")
        self.ready = gauge("ready", "1 while the process does its work, else 0.")
