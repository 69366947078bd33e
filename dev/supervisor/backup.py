"""Backups of the app, as the Supervisor makes them: its commands around a copy of its data."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import sys
import tarfile
from pathlib import Path

from dev.supervisor.addon import Addon


class BackupError(Exception):
    """The command before or after a backup failed; there is no backup then."""


async def back_up(addon: Addon, archive: Path) -> None:
    """Write the app's data into a tar file, while the app runs. Raises BackupError."""
    running = addon.state == "started"
    if running:
        await _command(addon, addon.manifest.backup_pre)
    await asyncio.to_thread(_pack, addon, archive)
    if running:
        await _command(addon, addon.manifest.backup_post)


async def restore(addon: Addon, archive: Path) -> None:
    """Put the data of a backup in place of the app's; an app that was started starts again."""
    running = addon.state == "started"
    await addon.stop()
    await asyncio.to_thread(_unpack, addon, archive)
    if running:
        await addon.start()


async def _command(addon: Addon, command: str | None) -> None:
    if command is None:
        return
    # In the image `python3` is the interpreter that the app is installed for.
    words = [sys.executable if word == "python3" else word for word in shlex.split(command)]
    if status := await addon.run(words):
        raise BackupError(f"{command} ended with status {status}")


def _pack(addon: Addon, archive: Path) -> None:
    def included(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        path = addon.data / Path(member.name).relative_to("data")
        excluded = any(path.match(pattern) for pattern in addon.manifest.backup_exclude)
        return None if excluded else member  # a folder that is left out takes what is in it along

    with tarfile.open(archive, "w") as tar:
        tar.add(addon.data, "data", filter=included)


def _unpack(addon: Addon, archive: Path) -> None:
    shutil.rmtree(addon.data)
    with tarfile.open(archive) as tar:
        tar.extractall(addon.data.parent / f"{addon.data.name}-restored", filter="tar")
    restored = addon.data.parent / f"{addon.data.name}-restored"
    (restored / "data").rename(addon.data)
    restored.rmdir()
