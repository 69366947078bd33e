"""The command line: serve, healthcheck, check-options, backup, recommend, interpret."""

from __future__ import annotations

import argparse
import signal
import sqlite3
import sys
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ollama_addon.app.settings import Settings


def main() -> int:
    """Run the sidecar or one of its helpers; return the exit status."""
    parser = argparse.ArgumentParser(prog="ollama-addon", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("serve", help="run the sidecar")
    commands.add_parser("healthcheck", help="exit with 0 when the sidecar answers")
    check = commands.add_parser("check-options", help="say what is wrong in an options.json")
    check.add_argument("file", type=Path, nargs="?")
    saving = commands.add_parser("backup", help="what the Supervisor calls around its backups")
    saving.add_argument("step", choices=["begin", "end"])
    advice = commands.add_parser("recommend", help="which models suit this machine, or others")
    advice.add_argument("--machine", help="a machine by name, such as n100-16, or 'all'")
    advice.add_argument("--context-window", type=int, default=8192, metavar="TOKENS")
    advice.add_argument("--language", default="en", metavar="CODE")
    meaning = commands.add_parser("interpret", help="what a sentence means; nothing is done")
    meaning.add_argument("text")
    meaning.add_argument("--language", default="", metavar="CODE")
    meaning.add_argument("--area", metavar="ID", help="where it is said")
    meaning.add_argument("--agent", default="", metavar="ID")
    meaning.add_argument("--why", action="store_true", help="print what each word is")
    arguments = parser.parse_args()
    if arguments.command == "recommend":
        return _recommend(arguments.machine, arguments.context_window, arguments.language)
    told_to_end = Event()
    if arguments.command == "serve":
        # What is imported below takes a second or more, in which it may be told to end, too. That
        # is noted and not raised: it would come up in the middle of anything, and be lost there.
        signal.signal(signal.SIGTERM, lambda *_: told_to_end.set())
    from ollama_addon.app.settings import Settings

    settings = Settings.from_environment()
    if arguments.command == "healthcheck":
        return _healthcheck(settings)
    if arguments.command == "check-options":
        return _check_options(arguments.file or settings.data / "options.json")
    if arguments.command == "backup":
        return _backup(settings, arguments.step)
    if arguments.command == "interpret":
        from ollama_addon.app.interpret_command import interpret

        turn = {
            "text": arguments.text,
            "language": arguments.language,
            "area_id": arguments.area,
        }
        return interpret(settings, turn, arguments.agent, why=arguments.why)
    from ollama_addon.app.process import serve

    return serve(settings, told_to_end)


def _healthcheck(settings: Settings) -> int:
    import httpx

    try:
        response = httpx.get(f"http://127.0.0.1:{settings.port}/health", timeout=5, trust_env=False)
    except httpx.HTTPError as error:
        print(f"The sidecar does not answer: {error}", file=sys.stderr)
        return 1
    return 0 if response.is_success else 1


def _check_options(path: Path) -> int:
    from ollama_addon.options import load_options

    _, problems = load_options(path)
    for problem in problems:
        print(f"{problem.field}: {problem.message}")
    return 1 if problems else 0


def _recommend(name: str | None, context_window: int, language: str) -> int:
    from ollama_addon.app.settings import Settings
    from ollama_addon.engine.advice import recommend
    from ollama_addon.engine.hardware import machine
    from ollama_addon.engine.machines import MACHINES
    from ollama_addon.engine.table import table
    from ollama_addon.options import EngineOptions

    machines = MACHINES
    if name is None:
        machines = {"this machine": machine(Settings.from_environment().data)}
    elif name != "all":
        if name not in MACHINES:
            print(f"There is no machine '{name}'. There are: {', '.join(MACHINES)}, all.")
            return 1
        machines = {name: MACHINES[name]}
    for each, found in machines.items():
        rows = recommend(found, (), context_window, EngineOptions(), language=language)
        print(f"{each}: {found.message}\n{table(rows)}\n")
    print("> the one to take  * good choices. Where nothing was measured, times are estimates.")
    return 0


def _backup(settings: Settings, step: str) -> int:
    from ollama_addon.history import backup

    try:
        (backup.begin if step == "begin" else backup.end)(settings.journal)
    except (OSError, sqlite3.Error) as error:
        # A backup without the journal is better than none, which a failure here would make of it.
        print(f"The journal is not in the backup: {error}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
