"""Machines that people have, for the table of what to expect of them."""

from __future__ import annotations

from dataclasses import replace

from .hardware import Gpu, Machine

_GB = 10**9


def _machine(processor: str, memory: int, cores: int, threads: int, instruction: str) -> Machine:
    return Machine(
        processor=processor,
        cores=threads,
        physical_cores=cores,
        instructions=(instruction,),
        memory=memory * _GB,
        memory_available=memory * _GB,
        disk=128 * _GB,
        disk_free=64 * _GB,
        gpus=(),
        vulkan=False,
        rocm=False,
    )


def _with_card(memory: int) -> Machine:
    card = Gpu(f"Graphics card with {memory} GB", "amdgpu", "/dev/dri/renderD128", memory * _GB)
    return replace(MACHINES["i5-16"], gpus=(card,), vulkan=True)


MACHINES: dict[str, Machine] = {
    "pi5-8": _machine("Raspberry Pi 5", 8, 4, 4, "asimddp"),
    "n100-8": _machine("Intel N100", 8, 4, 4, "avx2"),
    "n100-16": _machine("Intel N100", 16, 4, 4, "avx2"),
    "i5-16": _machine("Intel Core i5", 16, 6, 12, "avx2"),
    "i5-32": _machine("Intel Core i5", 32, 6, 12, "avx2"),
}
MACHINES |= {f"gpu-{memory}": _with_card(memory) for memory in (6, 8, 12, 24)}
