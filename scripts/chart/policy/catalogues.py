"""All catalogues, in the order of the page that lists them."""

from scripts.chart.policy.kube_linter import KUBE_LINTER
from scripts.chart.policy.kube_score import KUBE_SCORE
from scripts.chart.policy.pod_security import POD_SECURITY
from scripts.chart.policy.polaris import POLARIS
from scripts.chart.policy.release import RELEASE

CATALOGUES = (RELEASE, POD_SECURITY, KUBE_SCORE, KUBE_LINTER, POLARIS)
