"""`make test-k8s`: the acceptance on a real cluster.

Exit status: 0 passed, 1 failed, 2 it did not begin, or could not.
"""

import os
import sys

from tests.k8s.catalogue import StepUnknown, chosen
from tests.k8s.course import run_course
from tests.k8s.options import options
from tests.k8s.ownership import NamespaceForeign
from tests.k8s.report import document, is_passed, step_text, sums_text
from tests.k8s.runner import ProgramRunner, Unfulfilled
from tests.k8s.stage import Stage
from tests.k8s.step import Outcome


def main() -> None:
    given = options(sys.argv[1:], os.environ)

    def tell(outcome: Outcome) -> None:
        print(step_text(outcome), file=sys.stderr if given.is_json else sys.stdout, flush=True)

    def tell_evidence(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    try:
        steps = chosen(given.steps)
        outcomes = run_course(Stage(ProgramRunner(), given), steps, tell, tell_evidence)
    except (StepUnknown, NamespaceForeign, Unfulfilled) as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(document(outcomes) if given.is_json else sums_text(outcomes))
    sys.exit(0 if is_passed(outcomes) else 1)


if __name__ == "__main__":
    main()
