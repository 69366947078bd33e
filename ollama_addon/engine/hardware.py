"""What this machine is: cores, instructions, memory, disk and GPUs."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import psutil

_INSTRUCTIONS = "avx2 f16c fma avx_vnni avx512f avx512_vnni amx_int8 asimddp i8mm sve".split()
"""What makes llama.cpp faster, as Linux calls it."""
_VENDORS = {"0x8086": "Intel", "0x1002": "AMD", "0x10de": "NVIDIA"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """A graphics card, or the one that is part of the processor."""

    name: str
    driver: str
    node: str
    """Its render node, such as `/dev/dri/renderD128`; empty when the app may not use it."""
    memory: int | None
    """Bytes of its own memory; None when it has none, or its driver does not tell."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What this machine is. Sizes are in bytes."""

    processor: str
    cores: int
    """That this process may use, by affinity and by the container's quota."""
    physical_cores: int
    instructions: tuple[str, ...]
    memory: int
    """All there is, or the container's limit."""
    memory_available: int
    """What could be had without swapping."""
    disk: int
    disk_free: int
    gpus: tuple[Gpu, ...]
    vulkan: bool
    """Whether a driver for Vulkan is installed."""
    rocm: bool
    """Whether AMD's compute device is there."""

    @property
    def usable_gpus(self) -> tuple[Gpu, ...]:
        """The graphics cards that Ollama can run models on."""
        return tuple(
            gpu
            for gpu in self.gpus
            if gpu.node and (self.vulkan or (self.rocm and gpu.driver == "amdgpu"))
        )

    @property
    def gpu_memory(self) -> int:
        """Bytes that the graphics cards have of their own, as far as is known."""
        return sum(gpu.memory or 0 for gpu in self.usable_gpus)

    @property
    def fingerprint(self) -> str:
        """What tells it from another machine, as far as that changes speeds."""
        parts = [self.processor, str(self.cores), *self.instructions]
        parts += [f"{gpu.name} {gpu.memory}" for gpu in self.usable_gpus]
        return " ".join(parts)

    @property
    def message(self) -> str:
        """A sentence for a person."""
        found = [f"{gpu.name} ({gpu.driver})" for gpu in self.gpus if gpu.node]
        if not found:
            graphics = "no graphics card that the app may use"
        elif self.usable_gpus:
            graphics = f"graphics: {', '.join(found)}"
        else:
            graphics = f"graphics without a driver for Vulkan: {', '.join(found)}"
        return (
            f"{self.processor or 'Processor'} with {self.cores} cores, "
            f"{self.memory / 1e9:.0f} GB of memory ({self.memory_available / 1e9:.1f} GB free), "
            f"{self.disk_free / 1e9:.0f} GB free on the disk, {graphics}."
        )


def machine(data: Path, root: Path = Path("/")) -> Machine:
    """Look at the machine. `data` is on the disk that models are kept on.

    `root` is where `/proc`, `/sys` and `/dev` are found.
    """
    cpuinfo = _text(root / "proc/cpuinfo")
    flags = set(" ".join(re.findall(r"^(?:flags|Features)\s*:(.*)$", cpuinfo, re.M)).split())
    limit, used = _memory_limit(root)
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(str(data))
    return Machine(
        processor=_processor(cpuinfo, root),
        cores=_cores(root),
        physical_cores=psutil.cpu_count(logical=False) or 1,
        instructions=tuple(each for each in _INSTRUCTIONS if each in flags),
        memory=min(memory.total, limit or memory.total),
        memory_available=min(memory.available, limit - used if limit else memory.available),
        disk=disk.total,
        disk_free=disk.free,
        gpus=tuple(_gpus(root)),
        vulkan=any((root / "usr/share/vulkan/icd.d").glob("*.json"))
        or any((root / "etc/vulkan/icd.d").glob("*.json")),
        rocm=(root / "dev/kfd").exists(),
    )


def _cores(root: Path) -> int:
    cores = len(os.sched_getaffinity(0))
    quota = _text(root / "sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():
        cores = min(cores, max(1, round(int(quota[0]) / int(quota[1]))))
    return cores


def _memory_limit(root: Path) -> tuple[int, int]:
    """Return the container's limit and what of it is taken, or zeros."""
    limit = _text(root / "sys/fs/cgroup/memory.max").strip()
    if not limit.isdigit():
        return 0, 0
    used = int(_text(root / "sys/fs/cgroup/memory.current").strip() or 0)
    # Pages of files that were read count as used and are given back when needed.
    match = re.search(r"^inactive_file (\d+)$", _text(root / "sys/fs/cgroup/memory.stat"), re.M)
    return int(limit), max(0, used - int(match[1] if match else 0))


def _processor(cpuinfo: str, root: Path) -> str:
    if board := _text(root / "proc/device-tree/model").strip("\0 \n"):
        return board  # "Raspberry Pi 5 Model B Rev 1.0"
    match = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.M)
    return " ".join(match[1].split()) if match else ""


def _gpus(root: Path) -> list[Gpu]:
    found = []
    for card in sorted((root / "sys/class/drm").glob("renderD*")):
        device = card / "device"
        driver = (device / "driver").resolve().name if (device / "driver").exists() else ""
        vendor = _text(device / "vendor").strip()
        memory = _text(device / "mem_info_vram_total").strip()
        kind = _text(device / "device").strip()
        node = root / "dev/dri" / card.name
        found.append(
            Gpu(
                name=f"{_VENDORS.get(vendor, 'Graphics')} {kind}".strip(),
                driver=driver or "no driver",
                node=str(node) if os.access(node, os.R_OK | os.W_OK) else "",
                memory=_own_memory(int(memory)) if memory.isdigit() else None,
            )
        )
    return found


def _own_memory(vram: int) -> int | None:
    """Return the memory of a card; the few hundred MB of a processor's own are borrowed."""
    return vram if vram >= 2 << 30 else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
