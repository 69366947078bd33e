"""The command behind `script/run`: the development stack, and one sentence said to it."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
import traceback
from pathlib import Path

from dev.stack import ROOT, Stack, StackError
from dev.supervisor import ManifestError
from dev.turn import changes


def main() -> int:
    """Run the command line and return the exit status."""
    parser = argparse.ArgumentParser(prog="script/run", description=__doc__)
    parser.add_argument("command", choices=["run"], help=argparse.SUPPRESS)
    parser.add_argument("--once", metavar="SENTENCE", help="say it, print what happened as JSON")
    parser.add_argument("--language", help="the language of the sentence, such as de")
    parser.add_argument("--satellite", help="the assist satellite that heard it, an entity id")
    parser.add_argument("--inventory", type=Path, help="another house, as YAML")
    arguments = parser.parse_args()
    if arguments.inventory and not arguments.inventory.is_file():
        parser.error(f"there is no file {arguments.inventory}")
    try:
        return asyncio.run(_run(arguments))
    except (StackError, ManifestError) as error:
        _log(f"error: {error}")
        return 1
    except asyncio.CancelledError:
        _log("Stopped.")
        return 130 if arguments.once else 0
    except Exception as error:
        details = ROOT / ".dev" / "failure.log"
        details.parent.mkdir(exist_ok=True)
        details.write_text(traceback.format_exc())
        _log(f"error: {error or type(error).__name__} (where it happened is in {details})")
        return 1


async def _run(arguments: argparse.Namespace) -> int:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    async with Stack(inventory=arguments.inventory, log=_log) as stack:
        if arguments.once is not None:
            return await _once(stack, arguments)
        _log(
            f"\n  Panel           {stack.ingress_url}"
            f"\n                  Say there, for example: {await _example(stack)}"
            f"\n  Home Assistant  {stack.home.url}"
            f"  (user {stack.home.username}, password {stack.home.password})"
            f"\n  API             {stack.sidecar_url}  (token {stack.token})"
            "\n\nCtrl-C stops all of it."
        )
        await stack.until_ended()
        raise StackError(f"The sidecar ended. Its log is {stack.supervisor.addon.log}")


async def _example(stack: Stack) -> str:
    """Return a sentence that this house understands."""
    names = [
        str(state["attributes"].get("friendly_name", ""))
        for entity_id, state in (await stack.home.states()).items()
        if entity_id.startswith("light.")
    ]
    return f"turn on the {min(names, key=len).lower()}" if names else "what is on?"


async def _once(stack: Stack, arguments: argparse.Namespace) -> int:
    more = {"language": arguments.language, "satellite_id": arguments.satellite}
    await stack.connect()  # its entities are not of what the sentence changes
    before = await stack.home.states()
    turn = await stack.say_in_assist(arguments.once, **{k: v for k, v in more.items() if v})
    changed = changes(before, await stack.home.states())
    if turn.error:
        _log(f"error: {turn.error['message']}")
    result = {
        "text": turn.text,
        "reply": turn.reply,
        "outcome": turn.outcome,
        "actions": turn.actions,
        "changed": changed,
        "model": stack.model,
        "timings": turn.timings,
    }
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0 if changed or turn.outcome in ("answered", "done", "asked") else 1


def _log(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
