"""What the sampler says of itself."""

import msgspec


class CpuSamplerTurned(msgspec.Struct, frozen=True):
    """The CPU is sampled from now on, or not any more; `reason` says why not, for people."""

    is_on: bool
    reason: str = ""
