"""What is checked of the Helm chart, and what is made of it: its README and the plain manifests.

`python -m scripts.chart` runs every check; docs/internals/chart-checks.md says what they are.
"""
