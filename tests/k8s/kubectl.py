"""kubectl, as far as the acceptance tests need it: objects as data, commands inside pods, waits."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.k8s.runner import Done, Runner, Unfulfilled, wait_until

type Manifest = Mapping[str, Any]

COMMAND_S = 60.0


class Kubectl:
    """One namespace of one cluster, that of KUBECONFIG."""

    def __init__(self, runner: Runner, program: Sequence[str], namespace: str) -> None:
        """`program` is kubectl with the options by which it finds the cluster."""
        self.runner, self._program, self.namespace = runner, tuple(program), namespace

    def inside(self, namespace: str) -> "Kubectl":
        """The same cluster, another namespace."""
        return Kubectl(self.runner, self._program, namespace)

    def tried(self, *arguments: str, text: str = "", timeout_s: float = COMMAND_S) -> Done:
        """What a command came to, whatever it was."""
        command = [*self._program, f"--namespace={self.namespace}", *arguments]
        return self.runner.run(command, text, timeout_s)

    def run(self, *arguments: str, text: str = "", timeout_s: float = COMMAND_S) -> str:
        """What a command wrote. Raises `Unfulfilled` when it failed."""
        done = self.tried(*arguments, text=text, timeout_s=timeout_s)
        if done.status != 0:
            raise Unfulfilled(f"kubectl {' '.join(arguments)}: {(done.err or done.out).strip()}")
        return done.out

    def objects(self, kinds: str, selector: str = "") -> list[dict[str, Any]]:
        """All of those kinds with these labels, whatever state they are in."""
        answer = self.run("get", kinds, "-o", "json", *([f"-l{selector}"] if selector else []))
        items: list[dict[str, Any]] = json.loads(answer)["items"]
        return items

    def object(self, kind: str, name: str) -> dict[str, Any] | None:
        """One object, or None."""
        answer = self.run("get", kind, name, "-o", "json", "--ignore-not-found")
        found: dict[str, Any] | None = json.loads(answer) if answer.strip() else None
        return found

    def apply(self, *manifests: Manifest) -> None:
        listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.run("apply", "-f", "-", text=json.dumps(listed))

    def delete(self, kind: str, name: str, *flags: str) -> None:
        """Delete it and wait until it is gone. That it is not there is as well."""
        self.run("delete", kind, name, "--ignore-not-found", *flags, timeout_s=180.0)

    def inside_pod(self, pod: str, *command: str) -> Done:
        """A command in a pod's main container; there is no shell in it."""
        return self.tried("exec", pod, "--", *command)

    def wait(self, is_true: Callable[[], bool], limit_s: float, what: str) -> float:
        return wait_until(self.runner, is_true, limit_s, what)
