"""Every request about what goes on inside a node, chapter by chapter.

Each is answered by the node itself, of itself; asking all nodes is one `call_all`, and the admin
API and the command line do no more than that.
"""

from aiex.performance.analysis import ANALYSIS_REQUESTS
from aiex.performance.collector import COLLECTOR_REQUESTS
from aiex.performance.loop import LOOP_REQUESTS
from aiex.performance.memory import MEMORY_REQUESTS
from aiex.performance.questions import QUESTION_REQUESTS
from aiex.performance.sampling import SAMPLING_REQUESTS
from aiex.performance.snapshot import SNAPSHOT_REQUESTS
from aiex.performance.tasks import TASK_REQUESTS
from aiex.performance.tracer import TRACER_REQUESTS

PERFORMANCE_REQUESTS = (
    *QUESTION_REQUESTS,
    *COLLECTOR_REQUESTS,
    *SAMPLING_REQUESTS,
    *TASK_REQUESTS,
    *MEMORY_REQUESTS,
    *LOOP_REQUESTS,
    *TRACER_REQUESTS,
    *SNAPSHOT_REQUESTS,
    *ANALYSIS_REQUESTS,
)
