"""Every error a caller can handle, on one page. A class docstring is its default message.

AiexError
├── SettingsError            the settings as a whole are refused; carries every problem
├── StartError               the node cannot start; one sentence, exit status 1
│   ├── DataDirectoryError
│   ├── PortBusy
│   ├── CredentialsMissing
│   └── CertificateRefused
├── SupervisionError
│   ├── StartTimeout
│   ├── ListenerGone
│   ├── HttpClientGone
│   └── RestartIntensityExceeded
├── EngineError
│   ├── EngineUnavailable
│   │   ├── StoreUnavailable
│   │   └── WriteUncertain
│   ├── EngineRefused
│   ├── QueryRefused
│   ├── RowUnreadable       it was written by another release
│   └── Conflict
├── ClusterError
│   ├── CallRefused          what answers a request of another node would not
│   └── GroupRefused
├── HotValueError            a hot value cannot be so
│   ├── HotKeyUnknown
│   ├── HotValueInvalid
│   └── HotVersionUnknown
├── KubernetesError          the Kubernetes API did not do what it was asked
│   ├── KubernetesAccessMissing
│   ├── KubernetesUnreachable
│   ├── KubernetesForbidden  carries the right that is missing
│   ├── KubernetesAbsent
│   ├── KubernetesConflict
│   └── KubernetesRefused
├── BackupRefused            a file that is no backup, or not a whole one, restores nothing
├── FenceOutdated            another node holds the lease by now
├── RequestRefused           the client is told, in OpenAI's error form (see `aiex.assistant`)
└── ProviderError            a provider failed; may be tried elsewhere before the first byte

Raise these for what a caller can handle, `assert` for what cannot happen, and return data for
partial failure.
"""


class AiexError(Exception):
    """Something in Aiex failed."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").split("\n", 1)[0])


class SettingsError(AiexError):
    """The settings have problems; run `aiex config check` to see them all."""


class StartError(AiexError):
    """The node cannot start."""


class DataDirectoryError(StartError):
    """The data directory cannot be used; choose another with --data-dir."""


class PortBusy(StartError):
    """The port is taken by another process; choose another one."""


class CredentialsMissing(StartError):
    """A listener off loopback needs credentials; set AIEX_API__KEY_FILE or create a key first."""


class CertificateRefused(StartError):
    """A file that TLS needs is missing, unreadable or wrong."""


class SupervisionError(AiexError):
    """A supervised service could not be kept running."""


class StartTimeout(SupervisionError):
    """A service did not say it was ready in time."""


class ListenerGone(SupervisionError):
    """Nothing listens at the listener's port any more: its server has ended without a word."""


class HttpClientGone(SupervisionError):
    """The thread that calls providers has died, and only a new process gets another one."""


class RestartIntensityExceeded(SupervisionError):
    """A service failed too often in too short a time."""


class EngineError(AiexError):
    """The engine (NATS) failed."""


class EngineUnavailable(EngineError):
    """The engine does not answer; requests that need no state are still served."""


class StoreUnavailable(EngineUnavailable):
    """The tables cannot be read or written now; nothing was changed."""


class WriteUncertain(EngineUnavailable):
    """The write's answer was lost: it happened once or not at all; read before deciding anew."""


class EngineRefused(EngineError):
    """The engine was reached but cannot be used."""


class QueryRefused(EngineError):
    """The query cannot be answered; it may read the tables that have views, and only read."""


class RowUnreadable(EngineError):
    """The row was written by another release, and this one cannot read it; upgrade this node."""


class Conflict(EngineError):
    """Somebody else changed the value since it was read; read it again and decide anew."""


class ClusterError(AiexError):
    """The cluster could not do it."""


class CallRefused(ClusterError):
    """The request is refused by the node that was asked."""


class GroupRefused(ClusterError):
    """A node cannot be in that group: 32 is the limit, and a name is short and plain."""


class HotValueError(AiexError):
    """The hot value cannot be so."""


class HotKeyUnknown(HotValueError):
    """There is no hot value of this name; `aiex hot list` shows those there are."""


class HotValueInvalid(HotValueError):
    """The value is not one that the key can have; `aiex hot list` says what it takes."""


class HotVersionUnknown(HotValueError):
    """The key had no such value; `aiex hot history` shows those it had."""


class KubernetesError(AiexError):
    """The Kubernetes API did not do what it was asked."""


class KubernetesAccessMissing(KubernetesError):
    """There are no credentials for a Kubernetes API that can be used; name a file: --kubeconfig."""


class KubernetesUnreachable(KubernetesError):
    """The Kubernetes API does not answer."""


class KubernetesForbidden(KubernetesError):
    """The Kubernetes API forbids it; the right has to be given by whoever runs the cluster."""

    def __init__(self, message: str | None = None, *, right: str = "") -> None:
        super().__init__(message)
        self.right = right


class KubernetesAbsent(KubernetesError):
    """There is no such object."""


class KubernetesConflict(KubernetesError):
    """There is such an object already, or it was changed since it was read."""


class KubernetesRefused(KubernetesError):
    """The Kubernetes API refuses it."""


class BackupRefused(AiexError):
    """The file is no backup, or not a whole one; nothing of it is restored."""


class FenceOutdated(AiexError):
    """Another node has taken the lease since; stop what it was held for."""


class RequestRefused(AiexError):
    """The request cannot be answered."""


class ProviderError(AiexError):
    """The provider did not answer."""
