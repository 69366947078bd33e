"""What the Supervisor answers itself: the add-on, discovery, and the machine below."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
from aiohttp import web
from pydantic import BaseModel, ValidationError

from dev.supervisor.addon import Addon
from dev.supervisor.core import Core
from dev.supervisor.options import InvalidOptions

VERSION = "2026.08.2"
_GIB = 1024**3
_ARCH = {"x86_64": "amd64", "arm64": "aarch64"}


class ApiError(Exception):
    """Answered as `{"result": "error", "message": …}`."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status

    def answer(self) -> web.Response:
        """Return the answer that says so."""
        return web.json_response({"result": "error", "message": str(self)}, status=self.status)


class Discovery(BaseModel):
    """What an add-on sends to be found by an integration of Home Assistant."""

    service: str
    config: dict[str, Any]


_INSTALLED: dict[str, Any] = {
    "advanced": False,
    "apparmor": "profile",
    "audio": False,
    "audio_input": None,
    "audio_output": None,
    "auth_api": False,
    "auto_update": False,
    "available": True,
    "boot": "auto",
    "boot_config": "auto",
    "build": True,
    "changelog": True,
    "detached": False,
    "devices": [],
    "devicetree": False,
    "dns": [],
    "docker_api": False,
    "documentation": True,
    "full_access": False,
    "gpio": False,
    "homeassistant": None,
    "host_dbus": False,
    "host_ipc": False,
    "host_network": False,
    "host_pid": False,
    "host_uts": False,
    "icon": True,
    "kernel_modules": False,
    "logo": True,
    "long_description": None,
    "machine": [],
    "network_description": None,
    "privileged": [],
    "protected": True,
    "rating": 8,
    "schema": None,
    "services": [],
    "signed": False,
    "stage": "stable",
    "startup": "application",
    "stdin": False,
    "system_managed": False,
    "system_managed_config_entry": None,
    "translations": {},
    "uart": False,
    "udev": False,
    "url": None,
    "usb": False,
    "video": True,
    "webui": None,
}
"""What Home Assistant's client wants to know of an installed app, and nobody here varies."""


class Api:
    """The Supervisor's own routes.

    `caller` tells the add-on from Home Assistant: it returns the add-on, or None for Core.
    """

    def __init__(
        self,
        addon: Addon,
        core: Callable[[], Core | None],
        caller: Callable[[web.Request], Addon | None],
    ) -> None:
        self._addon = addon
        self._core = core
        self._caller = caller
        self.discovery: dict[str, Discovery] = {}
        self.on_discovery: Callable[[str], Awaitable[None]] | None = None
        """Told the uuid of each new message."""
        self.on_withdrawal: Callable[[str, str], Awaitable[None]] | None = None
        """Told the uuid and the service of each message that was removed."""

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/supervisor/ping", self.ping),
            web.get("/info", self.info),
            web.get("/core/info", self.core_info),
            web.get("/host/info", self.host_info),
            web.get("/hardware/info", self.hardware_info),
            web.get("/discovery", self.list_discovery),
            web.post("/discovery", self.send_discovery),
            web.get("/discovery/{uuid}", self.get_discovery),
            web.delete("/discovery/{uuid}", self.remove_discovery),
            web.get("/addons/{addon}/info", self.addon_info),
            web.post("/addons/{addon}/options", self.set_options),
            web.post("/addons/{addon}/options/validate", self.validate_options),
            web.get("/addons/{addon}/options/config", self.checked_options),
            web.post("/addons/{addon}/restart", self.restart),
            web.get("/addons/{addon}/stats", self.stats),
            web.get("/addons/{addon}/logs", self.logs),
        ]

    async def ping(self, request: web.Request) -> web.Response:
        """Say that the Supervisor is there."""
        return _ok()

    async def info(self, request: web.Request) -> web.Response:
        """Describe the installation."""
        core = self._core()
        machine = _arch()
        return _ok(
            {
                "supervisor": VERSION,
                "homeassistant": core.version if core else None,
                "hassos": None,
                "docker": "",
                "hostname": platform.node(),
                "operating_system": _operating_system(),
                "features": [],
                "machine": f"generic-{machine}",
                "arch": machine,
                "state": "running",
                "supported_arch": [machine],
                "supported": True,
                "channel": "stable",
                "logging": "info",
                "timezone": "UTC",
            }
        )

    async def core_info(self, request: web.Request) -> web.Response:
        """Describe Home Assistant Core."""
        core = self._core()
        version = core.version if core else None
        return _ok(
            {
                "version": version,
                "version_latest": version,
                "update_available": False,
                "machine": f"generic-{_arch()}",
                "arch": _arch(),
                "ip_address": "127.0.0.1",
                "port": 8123,
                "ssl": False,
                "boot": True,
                "watchdog": True,
            }
        )

    async def host_info(self, request: web.Request) -> web.Response:
        """Describe this machine: sizes are in GiB, times in microseconds since 1970."""
        disk = shutil.disk_usage(self._addon.data)
        return _ok(
            {
                "hostname": platform.node(),
                "kernel": platform.release(),
                "operating_system": _operating_system(),
                "chassis": "",
                "virtualization": "",
                "deployment": "development",
                "features": [],
                "disk_total": round(disk.total / _GIB, 1),
                "disk_used": round(disk.used / _GIB, 1),
                "disk_free": round(disk.free / _GIB, 1),
                "timezone": "UTC",
                "dt_utc": datetime.now(UTC).isoformat(),
                "boot_timestamp": int(psutil.boot_time() * 1_000_000),
            }
        )

    async def hardware_info(self, request: web.Request) -> web.Response:
        """List the graphics devices of this machine."""
        return _ok(
            {
                "devices": [
                    {
                        "name": node.name,
                        "sysfs": f"/sys/class/drm/{node.name}",
                        "dev_path": str(node),
                        "subsystem": "drm",
                        "by_id": None,
                        "attributes": {},
                        "children": [],
                    }
                    for node in _graphics_devices()
                ],
                "drives": [],
            }
        )

    async def list_discovery(self, request: web.Request) -> web.Response:
        """List what was sent; for Home Assistant only."""
        self._only_core(request)
        slug = self._addon.slug
        services = {service: [slug] for service in self._addon.manifest.discovery}
        messages = [self._described(uuid) for uuid in self.discovery]
        return _ok({"discovery": messages, "services": services})

    async def send_discovery(self, request: web.Request) -> web.Response:
        """Keep a message and return its uuid, the same one for the same service."""
        try:
            message = Discovery.model_validate(await _body(request))
        except ValidationError as error:
            raise ApiError(_first(error)) from None
        if message.service not in self._own(request).manifest.discovery:
            raise ApiError(
                "Apps must list services they provide via discovery in their config!", 403
            )
        known = (uuid for uuid, kept in self.discovery.items() if kept.service == message.service)
        uuid = next(known, uuid4().hex)
        if self.discovery.get(uuid) != message:
            self.discovery[uuid] = message
            if self.on_discovery is not None:
                await self.on_discovery(uuid)
        return _ok({"uuid": uuid})

    async def get_discovery(self, request: web.Request) -> web.Response:
        """Return one message; for Home Assistant only."""
        self._only_core(request)
        return _ok(self._described(request.match_info["uuid"]))

    async def remove_discovery(self, request: web.Request) -> web.Response:
        """Forget a message."""
        uuid = request.match_info["uuid"]
        message = self.discovery.pop(uuid, None)
        if message is None:
            raise ApiError("Discovery message not found", 404)
        if self.on_withdrawal is not None:
            await self.on_withdrawal(uuid, message.service)
        return _ok()

    async def addon_info(self, request: web.Request) -> web.Response:
        """Describe the add-on, its options among it."""
        addon = self._own(request)
        manifest = addon.manifest
        has_ingress = manifest.ingress
        return _ok(
            {
                "name": manifest.name,
                "slug": addon.slug,
                "hostname": "localhost",
                "description": manifest.description,
                "repository": "local",
                "version": manifest.version,
                "version_latest": manifest.version,
                "update_available": False,
                "state": "started",
                "arch": manifest.arch,
                "options": addon.options,
                "network": manifest.ports,
                "discovery": manifest.discovery,
                "hassio_api": manifest.hassio_api,
                "hassio_role": manifest.hassio_role,
                "homeassistant_api": manifest.homeassistant_api,
                "ip_address": "127.0.0.1",
                "ingress": has_ingress,
                "ingress_entry": addon.ingress_path if has_ingress else None,
                "ingress_url": f"{addon.ingress_path}/{manifest.ingress_entry}"
                if has_ingress
                else None,
                "ingress_port": manifest.ingress_port if has_ingress else None,
                "ingress_panel": False if has_ingress else None,
                "watchdog": False,
                **_INSTALLED,
            }
        )

    async def set_options(self, request: web.Request) -> web.Response:
        """Check and keep the user's options; the add-on finds them after its next start."""
        addon = self._own(request)
        body = await _body(request)
        if "options" in body:
            options = body["options"]
            try:
                addon.user_options = {} if options is None else addon.valid(options)
            except InvalidOptions as error:
                raise ApiError(
                    f"App {addon.slug} has invalid options: {error} in "
                    f"{addon.manifest.name} ({addon.slug})"
                ) from None
        return _ok()

    async def validate_options(self, request: web.Request) -> web.Response:
        """Say whether options fit the schema; the add-on's present ones when none are sent."""
        addon = self._own(request)
        try:
            addon.valid(await _body(request) or addon.options)
        except InvalidOptions as error:
            return _ok({"message": str(error), "valid": False, "pwned": False})
        return _ok({"message": "", "valid": True, "pwned": False})

    async def checked_options(self, request: web.Request) -> web.Response:
        """Return the options as the add-on would find them after a restart."""
        addon = self._own(request)
        try:
            return _ok(addon.valid(addon.options))
        except InvalidOptions:
            raise ApiError("Invalid configuration data for the app") from None

    async def restart(self, request: web.Request) -> web.Response:
        """Restart the sidecar. Who asks from inside it will not see the answer."""
        await self._own(request).restart()
        return _ok()

    async def stats(self, request: web.Request) -> web.Response:
        """Return what the sidecar takes of the machine, in percent and bytes."""
        taken = self._own(request).stats()
        memory = psutil.virtual_memory().total
        share = round(taken["memory_usage"] / memory * 100, 2)
        return _ok(
            {
                **taken,
                "memory_limit": memory,
                "memory_percent": share,
                "network_rx": 0,
                "network_tx": 0,
                "blk_read": 0,
                "blk_write": 0,
            }
        )

    async def logs(self, request: web.Request) -> web.Response:
        """Return the sidecar's last 100 lines."""
        lines = self._own(request).log.read_text(errors="replace").splitlines()
        return web.Response(text="\n".join(lines[-100:]) + "\n")

    def _own(self, request: web.Request) -> Addon:
        asked = request.match_info.get("addon", "self")
        if asked == "self" and self._caller(request) is None:
            raise ApiError("Self is not an App")
        if asked not in ("self", self._addon.slug):
            raise ApiError(f"App {asked} does not exist", 404)
        return self._addon

    def _only_core(self, request: web.Request) -> None:
        if self._caller(request) is not None:
            raise web.HTTPUnauthorized

    def _described(self, uuid: str) -> dict[str, Any]:
        message = self.discovery.get(uuid)
        if message is None:
            raise ApiError("Discovery message not found", 404)
        return {"addon": self._addon.slug, "uuid": uuid, **message.model_dump()}


def _ok(data: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"result": "ok", "data": data or {}})


async def _body(request: web.Request) -> dict[str, Any]:
    if not await request.read():
        return {}
    try:
        body = await request.json()
    except ValueError:
        raise ApiError("Invalid json") from None
    if not isinstance(body, dict):
        raise ApiError("expected a dictionary. Got " + type(body).__name__)
    return body


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"{first['msg']} @ data['{'.'.join(map(str, first['loc']))}']"


def _graphics_devices() -> list[Path]:
    return sorted(Path("/dev/dri").glob("*[0-9]"))


def _arch() -> str:
    machine = platform.machine()
    return _ARCH.get(machine, machine)


def _operating_system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    except OSError:
        return platform.system()
