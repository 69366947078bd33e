"""The one place where the parts of the sidecar are made and tied together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from ollama_addon import __version__
from ollama_addon.agent.agent import Agent
from ollama_addon.agent.turn import Home
from ollama_addon.agent.warmup import Warmup
from ollama_addon.app import options_at_start
from ollama_addon.app.agents import AgentMaker
from ollama_addon.app.apply_options import OptionsApplier
from ollama_addon.app.error_answers import answer_errors
from ollama_addon.app.orders import make_orders
from ollama_addon.app.settings import Settings
from ollama_addon.app.startup_tasks import StartupTask, set_up_own_integration, settle
from ollama_addon.background import Background
from ollama_addon.companion.announcement import Announcement
from ollama_addon.companion.download_notifications import tell_of_pulls
from ollama_addon.companion.monitor import CompanionMonitor
from ollama_addon.companion.own_integration import OwnIntegration
from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.hardware import machine
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.measurements import Measurements
from ollama_addon.engine.profile import context_windows, default_context
from ollama_addon.engine.servers import Servers
from ollama_addon.engine.updates import Updates
from ollama_addon.history import backup
from ollama_addon.history.store import HistoryStore
from ollama_addon.home.actions import Actions
from ollama_addon.home.connection import Connection
from ollama_addon.home.mirror import Mirror
from ollama_addon.home.notifications import Notifications
from ollama_addon.home.past import Past
from ollama_addon.home.pipelines import Pipelines
from ollama_addon.home.registry_changes import RegistryChanges
from ollama_addon.home.satellites import Satellites
from ollama_addon.home.templates import Templates
from ollama_addon.home.translations import Translations
from ollama_addon.home.users import Users
from ollama_addon.monitoring.log_buffer import LogBuffer
from ollama_addon.monitoring.metrics import Metrics
from ollama_addon.options import wanted_models
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.supervisor.own_options import OwnOptions
from ollama_addon.web.access.auth import Guard
from ollama_addon.web.access.door import Door
from ollama_addon.web.access.hosts import Hosts
from ollama_addon.web.access.tokens import read_token
from ollama_addon.web.api import (
    access,
    entities,
    events,
    examples,
    exposure,
    fixes,
    history,
    home_assistant,
    log,
    models,
    options as options_api,
    orders,
    prompts,
    running_turns,
    setup,
    status,
    supervisor as supervisor_api,
    turns,
)
from ollama_addon.web.api.publisher import Events
from ollama_addon.web.api.running_turns import RunningTurns
from ollama_addon.web.gateway.gateway import make_gateway
from ollama_addon.web.gateway.key import Key
from ollama_addon.web.listener import Listener
from ollama_addon.web.panel import pages
from ollama_addon.web.state import Access, Parts
from ollama_addon.wyoming.fallback import WyomingFallback
from ollama_addon.wyoming.server import WyomingServer

_LOGGER = logging.getLogger(__name__)


def make_app(settings: Settings) -> FastAPI:
    """Return the sidecar's app. Nothing runs before its lifespan begins."""
    guard = Guard(read_token(settings.data / "token"), settings.ingress_peer, settings.password)
    hosts = Hosts()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            app.state.parts = await _start(settings, guard, hosts, stack)
            _LOGGER.info("Ollama Assist %s is running on port %d", __version__, settings.port)
            yield

    app = FastAPI(
        title="Ollama for Home Assistant",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.add_middleware(Door, guard=guard, hosts=hosts)
    for router in (
        status.open_router,
        supervisor_api.router,
        status.router,
        status.metrics_router,
        access.router,
        turns.router,
        running_turns.router,
        events.router,
        home_assistant.router,
        entities.router,
        exposure.router,
        examples.router,
        setup.router,
        fixes.router,
        log.router,
        models.router,
        options_api.router,
        orders.router,
        pages.router,
        prompts.router,
    ):
        app.include_router(router)
    app.include_router(history.router, prefix="/api/history")
    app.mount("/static", pages.Static(directory=pages.STATIC), name="static")
    answer_errors(app)
    return app


async def _start(settings: Settings, guard: Guard, hosts: Hosts, stack: AsyncExitStack) -> Parts:
    """Make the parts and start them; `stack` stops them in the opposite order."""
    publisher = Events()
    log_buffer = LogBuffer()
    _keep_log(log_buffer, publisher, stack)
    loaded = options_at_start.load(settings)
    options = loaded.options
    logging.getLogger("ollama_addon").setLevel(options.log_level.upper())
    hosts.allow(options.allowed_hosts)

    daemon: Daemon | None = None
    if settings.engine_command:
        daemon = Daemon(
            settings.engine_command,
            settings.engine_port,
            settings.data,
            options.engine,
            context_length=default_context(context_windows(options.agents)),
        )
        daemon.on_line = log_buffer.add_line
        await daemon.start()
        stack.push_async_callback(daemon.stop)
    servers = Servers(
        options.servers,
        daemon,
        agents=options.agents,
        engine=options.engine,
        measurements=Measurements(
            settings.data / "measurements.json", machine(settings.data).fingerprint
        ),
    )
    await servers.start()
    stack.push_async_callback(servers.stop)
    inventory = Inventory(servers, wanted_models(options))
    await inventory.start()
    stack.push_async_callback(inventory.stop)

    if settings.hass_url:
        connection = Connection.from_url(settings.hass_url, settings.hass_token)
    else:
        connection = Connection.from_supervisor(settings.supervisor_url, settings.supervisor_token)
    mirror = Mirror(connection)
    companion = CompanionMonitor(
        connection,
        settings.companion,
        settings.hass_config,
        install=options.install_integration,
    )
    await companion.start()
    stack.push_async_callback(companion.stop)
    guard.users = Users(connection)
    guard.users.start()
    await connection.start()
    stack.push_async_callback(connection.stop)
    stack.push_async_callback(guard.users.stop)
    stack.push_async_callback(mirror.stop)
    home = Home(
        mirror,
        Actions(connection, mirror),
        Templates(connection),
        Translations(connection),
        Past(connection, mirror),
    )
    backup.restore(settings.journal)
    stack.callback(backup.save, settings.journal)
    history_store = HistoryStore(settings.journal, options.journal_days)
    await history_store.start()
    stack.push_async_callback(history_store.stop)
    history_store.on_kept = lambda turn_id: publisher.publish("journal", {"turn_id": turn_id})
    agents: dict[str, Agent] = {}
    scheduler, automator, planner = make_orders(
        settings.data / "orders.sqlite", agents, home, connection, guard.users
    )
    maker = AgentMaker(servers, home, inventory, history_store.keep, planner)
    agents.update({agent.id: maker.make(agent) for agent in options.agents})
    await scheduler.start()
    stack.push_async_callback(scheduler.stop)
    automator.start()
    stack.push_async_callback(automator.stop)
    warmup = Warmup(agents, mirror, inventory)
    warmup.start()
    servers.on_emptied = warmup.again
    stack.push_async_callback(warmup.stop)
    satellites = Satellites(connection, mirror)
    satellites.on_listening = warmup.listening
    satellites.start()
    stack.push_async_callback(satellites.stop)
    background = Background()
    stack.push_async_callback(background.stop)
    background.keep(
        "download notifications",
        lambda: tell_of_pulls(inventory.subscribe(), Notifications(connection)),
    )
    background.keep("publisher of downloads", lambda: _pass_on(inventory, publisher))
    metrics = Metrics(servers, daemon, inventory, connection)
    servers.on_answer = metrics.answer
    supervisor: Supervisor | None = None
    announcement: Announcement | None = None
    if settings.supervisor_token:
        supervisor = Supervisor(settings.supervisor_url, settings.supervisor_token)
        stack.push_async_callback(supervisor.close)
        own_id = read_token(settings.data / "id")
        announcement = Announcement(
            supervisor,
            connection,
            companion,
            lambda: {"id": own_id, "port": settings.port, "token": guard.token},
        )
        announcement.start(background)
    own_options = OwnOptions(supervisor, settings.data / "options.json", loaded.memory)
    settling = StartupTask(background, "ids of agents", lambda: settle(own_options))
    settling.begin()
    fallback: WyomingFallback | None = None
    if agents:
        fallback = WyomingFallback(
            WyomingServer(
                next(iter(agents.values())),
                settings.host,
                settings.wyoming_port,
                settings.core_peer,
            ),
            companion,
            connection,
            supervisor,
            settings.data / "wyoming-discovery",
            wanted=options.wyoming,
        )
        if announcement is not None:
            announcement.held = lambda: fallback.card_shown if fallback else False
            fallback.on_change = announcement.look
        await fallback.start()
        stack.push_async_callback(fallback.stop)
    key = Key(options.gateway.key or read_token(settings.data / "gateway_key"))
    gateway = Listener(
        make_gateway(
            servers,
            key,
            hosts=hosts,
            allow_changes=options.gateway.allow_pulls,
            on_request=metrics.gateway,
        ),
        settings.host,
        settings.gateway_port,
    )
    await gateway.start()
    stack.push_async_callback(gateway.stop)

    async def gateway_url() -> str:
        host = str((await supervisor.self_info())["hostname"]) if supervisor else "localhost"
        return f"http://{host}:{gateway.port}"

    own_integration = OwnIntegration(
        connection,
        servers,
        gateway_url,
        lambda: key.value,
        options.agents,
        settings.data / "own_integration.json",
    )
    options_applier = OptionsApplier(
        agents, servers, daemon, inventory, maker, warmup, own_integration
    )
    stack.push_async_callback(options_applier.stop)
    own_integration_setup = StartupTask(
        background,
        "own Ollama integration",
        lambda: set_up_own_integration(own_integration, mirror, wanted=options.own_integration),
    )
    own_integration_setup.begin()
    pipelines = Pipelines(connection)
    background.keep("voice assistants", pipelines.follow)
    parts = Parts(
        read_token(settings.data / "id"),
        settings.data,
        Access(
            settings.port,
            guard,
            gateway.port,
            key,
            announcement.again if announcement else lambda: None,
            own_integration_setup.begin,
        ),
        options,
        loaded.problems,
        agents,
        daemon,
        servers,
        inventory,
        connection,
        mirror,
        home.templates,
        publisher,
        history_store,
        own_integration,
        pipelines,
        companion,
        fallback,
        supervisor,
        log_buffer,
        metrics,
        Updates(),
        warmup,
        options_applier,
        announcement,
        own_options,
        loaded.files,
        background,
        scheduler,
        planner,
        RegistryChanges(connection, mirror),
        RunningTurns(background),
    )
    background.keep(
        "files of instructions", lambda: loaded.files.watch(lambda: options_api.reload(parts))
    )
    return parts


def _keep_log(log_buffer: LogBuffer, publisher: Events, stack: AsyncExitStack) -> None:
    """Keep what is logged from now on, and tell whoever listens."""
    loop = asyncio.get_running_loop()
    # What logs may run in a thread.
    log_buffer.on_entry = lambda entry: loop.call_soon_threadsafe(  # type: ignore[assignment]
        publisher.publish, "log", entry.as_json()
    )
    logger = logging.getLogger("ollama_addon")
    logger.addHandler(log_buffer)
    stack.callback(logger.removeHandler, log_buffer)


async def _pass_on(inventory: Inventory, publisher: Events) -> None:
    """Tell whoever listens how far downloads are."""
    async for pull in inventory.subscribe():
        publisher.publish("pull", models.as_json(pull))
