"""A right in a Kubernetes cluster, by the words `kubectl` takes to give it. Pure."""

import re

import msgspec

# `… User "system:serviceaccount:aiex:doctor" cannot list resource "pods" …`, as every API server
# says it since Kubernetes 1.12.
_WHO = re.compile(r'User "([^"]+)"')
_ACCOUNT = re.compile(r"^system:serviceaccount:([^:]+):([^:]+)$")


class Right(msgspec.Struct, frozen=True):
    """To do `verb` with `resource` (`deployments.apps`; `pods/proxy`) in a namespace, or all."""

    verb: str
    resource: str
    namespace: str = ""

    @property
    def text(self) -> str:
        return f"{self.verb} {self.resource}"


def giving(right: Right, refusal: str) -> str:
    """The two commands that give a right to whom the API's refusal names."""
    kind, where = ("role", f" -n {right.namespace}") if right.namespace else ("clusterrole", "")
    name = f"aiex-{right.verb}-{right.resource.replace('/', '-').replace('.', '-')}"
    return (
        f"kubectl create {kind} {name} --verb={right.verb} --resource={right.resource}{where} && "
        f"kubectl create {kind}binding {name} --{kind}={name} {_subject(refusal)}{where}"
    )


def _subject(refusal: str) -> str:
    found = _WHO.search(refusal)
    who = found[1] if found else "YOU"
    account = _ACCOUNT.match(who)
    return f"--serviceaccount={account[1]}:{account[2]}" if account else f"--user={who}"
