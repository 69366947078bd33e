"""Figures for Prometheus: what the app does, counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ollama_addon.engine.daemon import Daemon
from ollama_addon.engine.inventory import Inventory
from ollama_addon.engine.servers import Servers
from ollama_addon.home.connection import Connection

disable_created_metrics()  # type: ignore[no-untyped-call]

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """Counts what happens, and looks at the parts when it is asked."""

    def __init__(
        self,
        servers: Servers,
        daemon: Daemon | None,
        inventory: Inventory,
        connection: Connection,
    ) -> None:
        self._registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"ollama_addon_{name}", text, labels, registry=self._registry)

        def histogram(name: str, text: str, *labels: str) -> Histogram:
            return Histogram(
                f"ollama_addon_{name}_seconds",
                text,
                labels,
                registry=self._registry,
                buckets=_SECONDS,
            )

        self._turns = counter("turns", "Turns of conversations", "agent", "outcome")
        self._first = histogram("first_token", "From a sentence to the first of the reply", "agent")
        self._whole = histogram("turn", "From a sentence to the end of the reply", "agent")
        self._repairs = counter("repairs", "Proposed actions that were mended", "kind")
        self._calls = counter("model_calls", "Answers that a model finished", "model")
        self._tokens = counter("tokens", "Tokens read and written", "model", "kind")
        self._gateway = counter("gateway_requests", "Requests of other apps", "path", "status")
        self._registry.register(_Parts(servers, daemon, inventory, connection))

    def turn(
        self, agent: str, outcome: str, timings: Mapping[str, float], mended: Iterable[str]
    ) -> None:
        """Count a turn. Timings are in milliseconds, `mended` the kinds of what was mended."""
        self._turns.labels(agent, outcome).inc()
        if first := timings.get("first_word"):
            self._first.labels(agent).observe(first / 1000)
        if whole := timings.get("total"):
            self._whole.labels(agent).observe(whole / 1000)
        for kind in mended:
            self._repairs.labels(kind).inc()

    def answer(self, model: str, last: Mapping[str, Any]) -> None:
        """Count what a model has answered, by the last chunk of it."""
        self._calls.labels(model).inc()
        self._tokens.labels(model, "prompt").inc(last.get("prompt_eval_count") or 0)
        self._tokens.labels(model, "completion").inc(last.get("eval_count") or 0)

    def gateway(self, path: str, status: int) -> None:
        """Count a request of another app."""
        self._gateway.labels(path, str(status)).inc()

    @property
    def text(self) -> bytes:
        """All of it in the format that Prometheus reads."""
        return generate_latest(self._registry)


class _Parts(Collector):
    """What the parts know themselves."""

    def __init__(
        self,
        servers: Servers,
        daemon: Daemon | None,
        inventory: Inventory,
        connection: Connection,
    ) -> None:
        self._servers = servers
        self._daemon = daemon
        self._inventory = inventory
        self._connection = connection

    def collect(self) -> Iterator[Metric]:
        """Yield what is so now."""
        if self._daemon is not None:
            restarts = CounterMetricFamily(
                "ollama_addon_engine_restarts", "Times that the Ollama server was started again"
            )
            restarts.add_metric([], self._daemon.restarts)
            yield restarts
        healthy = GaugeMetricFamily(
            "ollama_addon_server_up", "Whether an Ollama server answers", labels=["server"]
        )
        latency = GaugeMetricFamily(
            "ollama_addon_server_latency_seconds", "Its last health check", labels=["server"]
        )
        for server in self._servers.all:
            healthy.add_metric([server.url], server.healthy)
            if server.latency is not None:
                latency.add_metric([server.url], server.latency)
        yield healthy
        yield latency
        memory = GaugeMetricFamily(
            "ollama_addon_model_memory_bytes", "Memory that a loaded model takes", labels=["model"]
        )
        for model in self._inventory.models:
            if model.loaded:
                memory.add_metric([model.name], model.memory or 0)
        yield memory
        pulls = GaugeMetricFamily(
            "ollama_addon_pulls", "Downloads since the start by their state", labels=["state"]
        )
        states = [pull.state for pull in self._inventory.pulls]
        for state in sorted(set(states)):
            pulls.add_metric([state], states.count(state))
        yield pulls
        yield GaugeMetricFamily(
            "ollama_addon_home_connected",
            "Whether Home Assistant is connected",
            value=self._connection.connected,
        )
