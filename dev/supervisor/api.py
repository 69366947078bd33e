"""What the Supervisor answers itself: the app, discovery, and the machine below."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import voluptuous as vol
from aiohttp import web

from dev.supervisor.addon import Addon
from dev.supervisor.answers import ApiError, body_of, ok
from dev.supervisor.core import Core
from dev.supervisor.options import InvalidOptions

VERSION = "2026.08.2"
_GIB = 1024**3
_ARCH = {"x86_64": "amd64", "arm64": "aarch64"}


_SETTINGS = vol.Schema(
    {
        vol.Optional("boot"): vol.In(["auto", "manual"]),
        vol.Optional("network"): vol.Maybe(dict),
        vol.Optional("auto_update"): vol.Boolean(),
        vol.Optional("ingress_panel"): vol.Boolean(),
        vol.Optional("watchdog"): vol.Boolean(),
        vol.Optional("options"): vol.Maybe(dict),
    }
)
"""What `/addons/self/options` takes; anything else is refused."""
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

    `caller` tells the app from Home Assistant: it returns the app, or None for Core.
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
        self.on_panel: Callable[[], Awaitable[None]] | None = None
        """Told when the app was put into the sidebar, or taken out of it."""

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get("/supervisor/ping", self.ping),
            web.get("/info", self.info),
            web.get("/core/info", self.core_info),
            web.get("/host/info", self.host_info),
            web.get("/hardware/info", self.hardware_info),
            web.get("/addons", self.list_addons),
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
        return ok()

    async def info(self, request: web.Request) -> web.Response:
        """Describe the installation."""
        core = self._core()
        machine = _arch()
        return ok(
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
        return ok(
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
        return ok(
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
        return ok(
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

    async def list_addons(self, request: web.Request) -> web.Response:
        """List what is installed; for Home Assistant only."""
        self.only_core(request)
        installed = self._addon.installed
        return ok({"addons": [self._described(self._addon)] if installed else []})

    async def addon_info(self, request: web.Request) -> web.Response:
        """Describe the app, its options among it."""
        addon = self.own(request)
        if not addon.installed:
            raise ApiError("App is not installed")
        return ok(self._described(addon))

    def _described(self, addon: Addon) -> dict[str, Any]:
        manifest = addon.manifest
        has_ingress = manifest.ingress
        return {
            "name": manifest.name,
            "slug": addon.slug,
            "hostname": "localhost",
            "description": manifest.description,
            "repository": "local",
            "version": manifest.version,
            "version_latest": manifest.version,
            "update_available": False,
            "state": addon.state,
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
            "ingress_panel": addon.ingress_panel if has_ingress else None,
            "watchdog": addon.watchdog,
            **_INSTALLED,
        }

    async def set_options(self, request: web.Request) -> web.Response:
        """Check and keep what is set; options reach the app at its next start."""
        addon = self.own(request)
        try:
            body = _SETTINGS(await body_of(request))
        except vol.Invalid as error:
            raise ApiError(str(error)) from None
        options = body.get("options")
        if options is not None:
            try:
                options = addon.valid(options)
            except InvalidOptions as error:
                raise ApiError(
                    f"App {addon.slug} has invalid options: {error}",
                    error_key="app_configuration_invalid_error",
                    extra_fields={"app": addon.slug, "validation_error": str(error)},
                ) from None
        if "options" in body:
            addon.user_options = options or {}
        addon.watchdog = body.get("watchdog", addon.watchdog)
        if "ingress_panel" in body:
            addon.ingress_panel = body["ingress_panel"]
            if self.on_panel is not None:
                await self.on_panel()
        return ok()

    async def validate_options(self, request: web.Request) -> web.Response:
        """Say whether options fit the schema; the app's present ones when none are sent."""
        addon = self.own(request)
        try:
            addon.valid(await body_of(request) or addon.options)
        except InvalidOptions as error:
            return ok({"message": str(error), "valid": False, "pwned": False})
        return ok({"message": "", "valid": True, "pwned": False})

    async def checked_options(self, request: web.Request) -> web.Response:
        """Return the options as the app would find them after a restart."""
        addon = self.own(request)
        try:
            return ok(addon.valid(addon.options))
        except InvalidOptions:
            raise ApiError("Invalid configuration data for the app") from None

    async def restart(self, request: web.Request) -> web.Response:
        """Restart the sidecar. Who asks from inside it will not see the answer."""
        await self.own(request).restart()
        return ok()

    async def stats(self, request: web.Request) -> web.Response:
        """Return what the sidecar takes of the machine, in percent and bytes."""
        taken = self.own(request).stats()
        memory = psutil.virtual_memory().total
        share = round(taken["memory_usage"] / memory * 100, 2)
        return ok(
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
        lines = self.own(request).log.read_text(errors="replace").splitlines()
        return web.Response(text="\n".join(lines[-100:]) + "\n")

    def own(self, request: web.Request) -> Addon:
        """Return the app that is asked about. Raises ApiError."""
        asked = request.match_info.get("addon", "self")
        if asked == "self" and self._caller(request) is None:
            raise ApiError("Self is not an App")
        if asked not in ("self", self._addon.slug):
            raise ApiError(f"App {asked} does not exist", 404)
        return self._addon

    def only_core(self, request: web.Request) -> None:
        """Refuse what does not come from Home Assistant."""
        if self._caller(request) is not None:
            raise web.HTTPUnauthorized


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
