from __future__ import annotations

from pathlib import Path

import pytest

from ollama_addon.engine.hardware import Gpu, machine


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_this_machine(tmp_path: Path) -> None:
    found = machine(tmp_path)
    assert found.cores >= 1
    assert 0 < found.memory_available <= found.memory
    assert 0 < found.disk_free <= found.disk
    assert f"{found.cores} cores" in found.message


def test_a_raspberry_pi(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd asimddp crc32\n",
            "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
        },
    )
    found = machine(tmp_path, tmp_path)
    assert found.processor == "Raspberry Pi 5 Model B Rev 1.0"
    assert found.instructions == ("asimddp",)
    assert found.gpus == ()
    assert "no graphics card" in found.message


def test_a_container_with_limits(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{
            "sys/fs/cgroup/cpu.max": "100000 100000\n",
            "sys/fs/cgroup/memory.max": "1000000000\n",
            "sys/fs/cgroup/memory.current": "700000000\n",
            "sys/fs/cgroup/memory.stat": "anon 1\ninactive_file 300000000\n",
        },
    )
    found = machine(tmp_path, tmp_path)
    assert found.cores == 1
    assert found.memory == 10**9
    # What was read from files is given back when it is needed.
    assert found.memory_available == 600_000_000


def test_a_container_without_limits(tmp_path: Path) -> None:
    write(
        tmp_path,
        **{"sys/fs/cgroup/cpu.max": "max 100000\n", "sys/fs/cgroup/memory.max": "max\n"},
    )
    assert machine(tmp_path, tmp_path).memory == machine(tmp_path).memory


def card(root: Path, number: int, vendor: str, driver: str, vram: int | None) -> None:
    device = root / f"sys/class/drm/renderD{number}/device"
    device.mkdir(parents=True)
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "device").write_text("0x1234\n")
    (root / "drivers" / driver).mkdir(parents=True, exist_ok=True)
    (device / "driver").symlink_to(root / "drivers" / driver)
    if vram is not None:
        (device / "mem_info_vram_total").write_text(f"{vram}\n")


def test_graphics_cards(tmp_path: Path) -> None:
    card(tmp_path, 128, "0x8086", "i915", None)
    card(tmp_path, 129, "0x1002", "amdgpu", 8 << 30)
    card(tmp_path, 130, "0x1002", "amdgpu", 512 << 20)
    write(tmp_path, **{"dev/dri/renderD128": "", "dev/dri/renderD129": ""})
    before = machine(tmp_path, tmp_path)
    assert before.gpus == (
        Gpu("Intel 0x1234", "i915", str(tmp_path / "dev/dri/renderD128"), None),
        Gpu("AMD 0x1234", "amdgpu", str(tmp_path / "dev/dri/renderD129"), 8 << 30),
        Gpu("AMD 0x1234", "amdgpu", "", None),  # not ours to use, with borrowed memory
    )
    assert before.usable_gpus == ()
    assert "without a driver for Vulkan" in before.message
    write(tmp_path, **{"usr/share/vulkan/icd.d/radeon.json": "{}"})
    after = machine(tmp_path, tmp_path)
    assert [gpu.driver for gpu in after.usable_gpus] == ["i915", "amdgpu"]
    assert after.gpu_memory == 8 << 30


@pytest.mark.parametrize("kfd", [True, False])
def test_rocm(tmp_path: Path, kfd: bool) -> None:
    card(tmp_path, 128, "0x1002", "amdgpu", 16 << 30)
    write(tmp_path, **{"dev/dri/renderD128": ""})
    if kfd:
        write(tmp_path, **{"dev/kfd": ""})
    found = machine(tmp_path, tmp_path)
    assert found.rocm is kfd
    assert bool(found.usable_gpus) is kfd
