"""Every fault that can be planted, and from where on it matters.

A hold stops the whole node: every request in flight waits for it. From 60 ms on that is a latency
that people see, and at the least strength 5 % of all requests meet one.
"""

from examples.trouble.fault import Fault, Strength

HOLDS = {"hold_s": Strength(0.06, 0.4), "every_s": Strength(0.3, 1.2)}
EVERY = Strength(0.3, 1.2)
MEMORY = {"mib_per_s": Strength(0.7, 4.0), "item_bytes": Strength(1024, 16384)}
STOPS = "every request in flight stops for 60 ms or more, once in a second or so"
FILLS = "a container of 512 MiB is full within ten minutes"

FAULTS: tuple[Fault, ...] = (
    Fault("sleep", ("blocking_call",), STOPS, HOLDS, ("Napper.retry_later",)),
    Fault("socket_read", ("blocking_call",), STOPS, HOLDS, ("SocketReader.ask_peer",)),
    Fault("file_lock", ("blocking_call",), STOPS, HOLDS, ("FileLocker.append_row",)),
    Fault("file_sync", ("blocking_call",), STOPS, HOLDS, ("FileSyncer.save_rows",)),
    Fault("subprocess_run", ("slow_subprocess",), STOPS, HOLDS, ("ProgramRunner.ask_program",)),
    Fault("thread_lock", ("thread_lock",), STOPS, HOLDS, ("LockWaiter.read_table",)),
    Fault("c_call", ("c_call",), STOPS, HOLDS, ("ForeignCaller.call_library",)),
    Fault(
        "big_sort",
        ("c_call",),
        STOPS,
        {"items": Strength(150e3, 500e3), "every_s": EVERY},
        ("Sorter.rank_rows",),
    ),
    Fault(
        "big_json",
        ("serialisation",),
        STOPS,
        {"items": Strength(30e3, 150e3), "every_s": EVERY},
        ("DocumentWriter.write_document",),
    ),
    Fault(
        "compression",
        ("c_call", "long_computation"),  # in C, but it lets other threads run meanwhile
        STOPS,
        {"mib": Strength(1.0, 2.5), "every_s": EVERY},
        ("Compressor.pack_body",),
    ),
    Fault("computation", ("long_computation",), STOPS, HOLDS, ("Calculator.sum_rates",)),
    Fault(
        "slow_regex",
        ("slow_regex",),
        STOPS,
        {"letters": Strength(20, 21.9), "every_s": EVERY},
        ("Matcher.check_title",),
    ),
    Fault(
        "task_storm",
        ("task_storm",),
        "thousands of tasks stand before each request, for 30 ms or more",
        {"tasks": Strength(4000, 12000), "every_s": Strength(0.3, 1.0)},
        ("Storm.touch_row", "Storm.touch_all"),
    ),
    Fault(
        "chatty_log",
        ("logging",),
        "a tenth of the node's time goes into lines that nobody reads",
        {"lines_per_s": Strength(4000, 12000)},
        ("Chatterer.look_at_rows",),
    ),
    Fault(
        "thread_load",
        ("competing_threads",),
        "each request waits 5 ms for the interpreter, several times",
        {"threads": Strength(1, 3.9)},
        ("Competitor.weigh_rows",),
    ),
    Fault("generator_end", ("blocking_call",), STOPS, HOLDS, ("RowStream.stream_rows",)),
    Fault("done_callback", ("long_computation",), STOPS, HOLDS, ("Rater.rate_row",)),
    Fault(
        "big_join",
        ("c_call",),
        STOPS,
        {"mib": Strength(80, 160), "every_s": EVERY},
        ("Joiner.join_bodies",),
    ),
    Fault(
        "foreign_thread",
        ("c_call", "competing_threads"),
        STOPS,
        {"hold_s": Strength(0.1, 0.4), "every_s": EVERY},
        ("ForeignReader.read_device",),
    ),
    Fault(
        "many_pieces",
        ("long_computation",),
        "half of the loop's time is gone, and each request waits for several of the pieces",
        {"tasks": Strength(100, 160)},
        ("Weigher.weigh_row",),
    ),
    Fault(
        "spin",
        ("busy_loop",),
        "a whole CPU is used for nothing",
        {"pollers": Strength(1, 4.9)},
        ("Poller.await_row",),
    ),
    Fault(
        "full_pool",
        ("full_pool",),
        "whatever is given to a thread waits for seconds, look-ups of names too",
        {"hold_s": Strength(0.3, 2.0), "at_once": Strength(80, 200)},
        ("Fetcher.fetch_row",),
    ),
    Fault(
        "profiler_on",
        ("instrumented",),
        "every call on the loop takes twice as long",
        {},
        ("CallCounter.count_call",),
    ),
    Fault(
        "stuck",
        ("blocking_call",),
        "nobody is answered any more",
        {"after_s": Strength(5, 7)},
        ("Ledger.count_row",),
    ),
    Fault("leak_dict", ("leak",), FILLS, MEMORY, ("Cache.remember_answer",)),
    Fault("leak_list", ("leak",), FILLS, MEMORY, ("Collector.note_row", "Row.__init__")),
    Fault(
        "leak_classes",
        ("leak",),
        FILLS,
        {"classes_per_s": Strength(200, 800)},
        ("Registry.register_form",),
    ),
    Fault(
        "leak_tasks",
        ("leak",),
        "a hundred thousand tasks within the hour, and what each holds",
        {"tasks_per_s": Strength(30, 300)},
        ("Starter.start_waiting", "Starter.await_answer"),
    ),
    Fault("leak_cycles", ("leak",), FILLS, MEMORY, ("Freezer.tie_knots", "Knot.__init__")),
    Fault(
        "leak_native",
        ("leak",),
        FILLS,
        {"mib_per_s": Strength(1.5, 8)},
        ("NativeBuffers.take_buffer",),
    ),
    Fault(
        "leak_threads",
        ("leak",),
        "the pod's limit of processes is met within the hour",
        {"threads_per_s": Strength(2, 10)},
        ("Reporter.start_report", "Reporter.wait_for_rows"),
    ),
    Fault(
        "leak_files",
        ("leak",),
        "no connection is accepted once the files are used up, within minutes",
        {"files_per_s": Strength(4, 30)},
        ("Opener.open_row",),
    ),
    Fault("leak_cached", ("leak",), FILLS, MEMORY, ("drawn_page", "Painter.draw_pages")),
    Fault(
        "leak_handlers",
        ("leak",),
        FILLS,
        {"jobs_per_s": Strength(20, 50), "item_bytes": Strength(48e3, 96e3)},
        ("JobLogger.begin_job",),
    ),
    Fault(
        "gc_thrash",
        ("gc_thrash",),
        "a tenth of the node's time goes into collections, each of which stops it",
        {"live": Strength(40e3, 150e3), "made_per_s": Strength(10e3, 40e3)},
        ("Grapher.draw_edges", "Edge.__init__"),
    ),
    Fault(
        "gc_by_hand",
        ("manual_gc",),
        "every request in flight stops for a collection of 50 ms or more",
        {"live": Strength(200e3, 600e3), "every_s": EVERY},
        ("Sweeper.tidy_up",),
    ),
    Fault(
        "hot_lock",
        ("hot_lock",),
        "whoever wants the table waits half a second",
        {"hold_s": Strength(0.4, 2.0), "waiters": Strength(8, 60)},
        ("LockHog.export_table",),
    ),
    Fault(
        "deadlock",
        ("deadlock",),
        "the work of these tasks never ends",
        {"tasks": Strength(2, 3.9), "after_s": Strength(0.5, 3)},
        ("Transfers.move_amount",),
    ),
    Fault(
        "queue_growth",
        ("queue_growth",),
        "what is put in now comes out minutes later, and ever later",
        {"put_per_s": Strength(100, 600), "taken_ratio": Strength(0.1, 0.6)},
        ("Backlog.put_rows", "Backlog.take_rows"),
    ),
    Fault(
        "restarts",
        ("service_restarts",),
        "the service is away more often than not",
        {"after_s": Strength(0.2, 1.5)},
    ),
    Fault(
        "flood",
        ("flood",),
        "other keys' requests are answered 503, for one key takes all places",
        {"rate_per_s": Strength(500, 900)},
        place="client",
    ),
    Fault(
        "slow_provider",
        ("slow_provider",),
        "the model's first byte takes seconds",
        {"latency_ms": Strength(2500, 8000)},
        place="provider",
    ),
    Fault(
        "failing_provider",
        ("failing_provider",),
        "one request to the model in three fails",
        {"error_ratio": Strength(0.35, 0.9)},
        place="provider",
    ),
)
BY_KIND = {fault.kind: fault for fault in FAULTS}
