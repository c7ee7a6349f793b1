"""Every metric of a node on one page: name, kind, labels, meaning. `/metrics` shows no other.

Names follow Prometheus' conventions (https://prometheus.io/docs/practices/naming/): base units,
`_total` for what only grows. Labels never carry ids, so that their number stays bounded.
"""

from typing import Literal

import msgspec


class Metric(msgspec.Struct, frozen=True):
    name: str
    kind: Literal["counter", "gauge", "histogram"]
    text: str
    labels: tuple[str, ...] = ()


METRICS = {
    metric.name: metric
    for metric in (
        Metric("aiex_build_info", "gauge", "1; the labels say what runs.", ("version", "python")),
        Metric(
            "aiex_requests_total",
            "counter",
            "API requests that came to their end.",
            ("route", "status", "model", "provider", "outcome"),
        ),
        Metric(
            "aiex_request_duration_seconds",
            "histogram",
            "From a request's first byte to its answer's last.",
            ("route", "stream"),
        ),
        Metric("aiex_requests_in_flight", "gauge", "Requests being answered, open streams too."),
        Metric("aiex_streams_open", "gauge", "Streams being answered."),
        Metric("aiex_request_body_bytes_held", "gauge", "Bytes of request bodies held now."),
        Metric(
            "aiex_requests_shed_total",
            "counter",
            "Requests turned away under load; `in_flight` and `loop_lag` are in no other metric.",
            ("reason",),
        ),
        Metric("aiex_shed_ratio", "gauge", "Share of requests turned away for the loop's lag."),
        Metric(
            "aiex_provider_duration_seconds",
            "histogram",
            "From asking a provider to the headers of its answer.",
            ("provider",),
        ),
        Metric(
            "aiex_target_retries_total",
            "counter",
            "Second and later calls of a request, by the target they went to.",
            ("target",),
        ),
        Metric(
            "aiex_target_passed_over_total",
            "counter",
            "Requests kept away from a target: breaker_open, resting, no_retry_budget, queue_full, "
            "queue_timeout.",
            ("target", "reason"),
        ),
        Metric(
            "aiex_target_hedges_total",
            "counter",
            "Second calls that raced a slow first one: won or lost.",
            ("target", "outcome"),
        ),
        Metric(
            "aiex_target_breaker_transitions_total",
            "counter",
            "Times a target's breaker came into a state: closed, half open, open.",
            ("target", "state"),
        ),
        Metric(
            "aiex_target_breaker_state",
            "gauge",
            "A target's breaker: 0 closed, 1 half open, 2 open.",
            ("target",),
        ),
        Metric("aiex_target_in_flight", "gauge", "Calls in progress at a target.", ("target",)),
        Metric(
            "aiex_target_queue_length",
            "gauge",
            "Requests that wait for a place at a target.",
            ("target",),
        ),
        Metric(
            "aiex_target_queue_wait_seconds",
            "histogram",
            "How long requests waited for a place at a target, got or not.",
            ("target",),
        ),
        Metric(
            "aiex_tokens_total",
            "counter",
            "Tokens as providers count them: prompt (of them cached), completion (reasoning).",
            ("model", "kind"),
        ),
        Metric(
            "aiex_cost_usd_total",
            "counter",
            "What requests cost by the prices in the settings, in dollars.",
            ("model", "provider"),
        ),
        Metric(
            "aiex_hot_revision",
            "gauge",
            "The newest change of a hot value that this node has heard.",
        ),
        Metric("aiex_hot_values_refused", "gauge", "Hot values that are not taken here."),
        Metric(
            "aiex_hot_changes_total", "counter", "Changes of a hot value in force here.", ("key",)
        ),
        Metric(
            "aiex_turns_total",
            "counter",
            "Turns of conversations and responses that are kept: begun, then committed, overtaken, "
            "cancelled, given_up or unkept; conflicted: turned away, since one was in progress.",
            ("kind", "outcome"),
        ),
        Metric("aiex_api_keys_active", "gauge", "API keys that are accepted."),
        Metric("aiex_engine_up", "gauge", "1 while the engine (NATS) answers."),
        Metric("aiex_members", "gauge", "Members that take part, this node included."),
        Metric("aiex_cluster_split", "gauge", "1 while members or the engine are missing."),
        Metric(
            "aiex_member_changes_total",
            "counter",
            "Members that came to be up, suspect, draining, down or left.",
            ("state",),
        ),
        Metric(
            "aiex_cluster_messages_refused_total",
            "counter",
            "Messages between nodes that were not taken.",
            ("reason",),
        ),
        Metric(
            "aiex_calls_total",
            "counter",
            "Calls to other nodes: ok, down, no such request, too old, deadline, refused, error.",
            ("request", "outcome"),
        ),
        Metric(
            "aiex_call_duration_seconds",
            "histogram",
            "From a call to another node to its answer or failure.",
            ("request",),
        ),
        Metric(
            "aiex_limit_overshoot_max",
            "gauge",
            "What nodes may use of a key's minute beyond its limit, of the key where it is most.",
            ("limit",),
        ),
        Metric("aiex_limits_away", "gauge", "1 while limits that nodes share cannot be asked for."),
        Metric(
            "aiex_limit_deals_total",
            "counter",
            "Exchanges with the limits that nodes share: dealt, or short of what was needed.",
            ("outcome",),
        ),
        Metric("aiex_lease_held", "gauge", "1 while this node holds the lease.", ("lease",)),
        Metric(
            "aiex_lease_changes_total",
            "counter",
            "Leases that this node took or lost.",
            ("lease", "change"),
        ),
        *(
            Metric(name, "counter", text, ("table",))
            for name, text in (
                ("aiex_store_reads_total", "Rows asked for by their keys."),
                ("aiex_store_read_seconds_total", "What those reads took, together."),
                ("aiex_store_read_bytes_total", "Bytes of rows that were read, scans included."),
                ("aiex_store_writes_total", "Puts, deletes and batches that were done."),
                ("aiex_store_write_seconds_total", "What writes took, together."),
                ("aiex_store_written_rows_total", "Rows put and deleted."),
                ("aiex_store_written_bytes_total", "Bytes of rows that were put."),
                ("aiex_store_scans_total", "Scans that were begun."),
                ("aiex_store_scan_seconds_total", "What scans took that came to their end."),
                ("aiex_store_scanned_rows_total", "Rows that scans gave."),
                (
                    "aiex_store_skipped_rows_total",
                    "Rows left out that this release cannot read.",
                ),
                ("aiex_store_conflicts_total", "Writes refused, as a row was not as expected."),
                ("aiex_store_unavailable_total", "Reads and writes the engine was not there for."),
                (
                    "aiex_store_uncertain_total",
                    "Writes that were perhaps done, perhaps not.",
                ),
            )
        ),
        Metric("aiex_view_complete", "gauge", "1 while the table's view can be read.", ("table",)),
        Metric(
            "aiex_view_stale",
            "gauge",
            "1 while the table's view was not known to have all for seconds.",
            ("table",),
        ),
        Metric("aiex_view_file_bytes", "gauge", "Size of the view's file.", ("table",)),
        Metric(
            "aiex_view_lag_seconds",
            "histogram",
            "From a change's writing by the engine's clock to its being readable by this node's.",
            ("table",),
        ),
        *(
            Metric(name, "counter", text, ("table",))
            for name, text in (
                ("aiex_view_changes_total", "Changes that views took."),
                ("aiex_view_anew_total", "Fragments of views that were made anew."),
                ("aiex_view_unreadable_rows_total", "Rows left out of views, not to be read here."),
                ("aiex_view_reads_total", "Reads of views by the node itself."),
                ("aiex_view_read_rows_total", "Rows that those reads gave."),
                ("aiex_view_read_seconds_total", "What those reads took, together."),
            )
        ),
        Metric("aiex_calls_in_flight", "gauge", "Calls to other nodes that are under way."),
        Metric("aiex_cluster_requests_in_hand", "gauge", "Requests of other nodes in hand here."),
        Metric(
            "aiex_cluster_answer_bytes_held",
            "gauge",
            "Bytes of large answers to other nodes that wait to be fetched.",
        ),
        Metric("aiex_local_model_up", "gauge", "1 while the local model answers."),
        Metric("aiex_service_failures_total", "counter", "Services that failed.", ("service",)),
        Metric("aiex_service_restarts_total", "counter", "Services started again.", ("service",)),
        Metric(
            "aiex_loop_lag_seconds",
            "gauge",
            "The loop's worst delay in the last half minute or more.",
        ),
        Metric("aiex_cpu_sampler_up", "gauge", "1 while the main thread's CPU is sampled."),
        Metric("aiex_cpu_samples_total", "counter", "Samples of the main thread's CPU."),
        Metric(
            "aiex_cpu_samples_failed_total",
            "counter",
            "Samples that could not be taken; their CPU is told with the next one.",
        ),
        Metric(
            "aiex_loop_busy_ratio",
            "gauge",
            "CPU of the loop's thread by the clock, in the last whole second.",
        ),
        Metric(
            "aiex_loop_stall_seconds",
            "histogram",
            "How long the loop stood still, when too long: it waits, runs (Python), holds (C that "
            "keeps the interpreter), is kept_out (another thread does), starved, paging, "
            "stopped, or stood_still.",
            ("kind",),
        ),
        Metric(
            "aiex_gc_collections_total",
            "counter",
            "Collections by Python's garbage collector; 0 is the youngest generation.",
            ("generation",),
        ),
        Metric(
            "aiex_gc_pause_seconds_total",
            "counter",
            "How long collections of each generation stopped the node.",
            ("generation",),
        ),
        Metric(
            "aiex_gc_pause_max_seconds",
            "gauge",
            "The longest pause of each generation since the start.",
            ("generation",),
        ),
        Metric("aiex_gc_frozen_objects", "gauge", "Objects the collector looks at no more."),
        Metric("aiex_memory_rss_bytes", "gauge", "Resident memory, children not counted."),
        Metric(
            "aiex_memory_limit_bytes",
            "gauge",
            "The tightest memory limit over the process; 0 when there is none.",
        ),
        Metric(
            "aiex_memory_python_blocks",
            "gauge",
            "Small objects that Python's own allocator has in hand.",
        ),
        Metric("aiex_memory_malloc_used_bytes", "gauge", "What malloc gave and has not back."),
        Metric("aiex_memory_malloc_free_bytes", "gauge", "What malloc keeps and nobody uses."),
        Metric("aiex_memory_leaks_suspected", "gauge", "What seems to leak now."),
        Metric("aiex_tasks", "gauge", "Tasks of the loop; at rest their number stays the same."),
        Metric(
            "aiex_tasks_deadlocked",
            "gauge",
            "Tasks that wait for one another in a circle, or for those that do.",
        ),
        Metric("aiex_queue_items", "gauge", "What is in all queues that tasks were seen to use."),
        Metric("aiex_queue_longest", "gauge", "What is in the longest one of those queues."),
        Metric("aiex_call_traces", "gauge", "Traces of functions' calls that are running."),
        Metric("aiex_log_lines_dropped_total", "counter", "Log lines the output did not take."),
        Metric("process_resident_memory_bytes", "gauge", "Resident memory, children not counted."),
        Metric("process_cpu_seconds_total", "counter", "CPU time, children not counted."),
    )
}
