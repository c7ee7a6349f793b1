"""A kubelet in a test: the objects that a chart renders, really run on this machine.

Each pod is a network namespace with an address of its own. Each container has mounts, processes and
a hostname of its own, the user, groups and capabilities that the pod asks for, a read-only root if
it asks for one, its volumes and environment, and its command is process 1. Probes are executed,
services spread connections, names are answered by a name server, network policies are rules of the
node, a Deployment rolls, a StatefulSet keeps names and claims.

What it does not do: schedule (one node: affinity, spread, taints and requests mean nothing), pull
or build images, limit CPU or memory, seccomp and AppArmor, IPv6, sidecars among init containers,
gRPC probes, autoscaling, ingress, admission, RBAC, ownership and finalizers, an API server. What a
change of a ConfigMap or Secret does to a running pod is not shown either. A volume claim is a
directory without a size. Services become rules a second after pods changed, always.

Linux as root only, with `nft`. Nothing of it has a name on the machine, and the kernel ends it with
the process that made it.
"""

from aiex.testing.pods.cluster import PodCluster as PodCluster
from aiex.testing.pods.image import Image as Image
from aiex.testing.pods.image import Mount as Mount
from aiex.testing.pods.image import aiex_image as aiex_image
from aiex.testing.pods.image import built_image as built_image
from aiex.testing.pods.image import nats_image as nats_image
from aiex.testing.pods.pod import Pod as Pod
