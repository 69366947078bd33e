"""The app's options: what they are, and other ones taken over."""

from __future__ import annotations

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from ollama_addon.errors import AddonError
from ollama_addon.options import OptionProblem, check_options
from ollama_addon.supervisor.client import Supervisor
from ollama_addon.supervisor.own_options import Kept, OptionsChangedError
from ollama_addon.web.state import Parts, parts

_LOGGER = logging.getLogger(__name__)

router = APIRouter(prefix="/api")


class OptionsBody(BaseModel):
    """All options, as the configuration page has them."""

    options: dict[str, Any]


@router.get("/options")
async def options(request: Request, response: Response) -> dict[str, Any]:
    """Return the options as they are kept, and what is wrong in them; the `ETag` is their version.

    Problems that are a `notice` need no change.
    """
    all_parts = parts(request)
    kept = await all_parts.own_options.read()
    response.headers["ETag"] = _etag(kept)
    _, found = check_options(kept.options, all_parts.own_options.memory.ids)
    known = {problem.field for problem in found}
    # What was seen at the start, such as a file that is missing.
    found += [problem for problem in all_parts.problems if problem.field not in known]
    return {"options": kept.options, "problems": [_as_json(problem) for problem in found]}


@router.post("/options/check")
async def check(request: Request, body: OptionsBody) -> list[dict[str, Any]]:
    """Return what is wrong in options, without taking them over."""
    return [_as_json(problem) for problem in check_options(_without_secrets(body.options))[1]]


@router.put("/options")
async def change(
    request: Request, body: OptionsBody, if_match: Annotated[str, Header()] = ""
) -> Response:
    """Keep other options and take them over; the answer names those that wait for a restart.

    `If-Match` is the `ETag` of the options that these were made of. Where other ones are kept by
    now, nothing is changed: 412, with both. 422 names the fields that are wrong.
    """
    all_parts = parts(request)
    if not if_match:
        raise AddonError(
            "no_version", "Say which options were changed: If-Match with their ETag.", 428
        )
    _, problems = check_options(_without_secrets(body.options))
    wrong = [problem for problem in problems if not problem.notice]
    if wrong:
        message = " ".join(problem.message for problem in wrong)
        fields = [_as_json(problem) for problem in wrong]
        return _refused("bad_options", message, 422, problems=fields)
    try:
        kept = await all_parts.own_options.write(body.options, if_match.strip('"'))
    except OptionsChangedError as error:
        both = {"yours": body.options, "theirs": error.kept.options}
        answer = _refused(error.code, error.message, error.status, **both)
        answer.headers["ETag"] = _etag(error.kept)
        return answer
    waiting = await take_over(all_parts, kept.options)
    return JSONResponse({"waiting_for_restart": waiting}, headers={"ETag": _etag(kept)})


@router.post("/restart", status_code=202)
async def restart(request: Request) -> dict[str, str]:
    """Restart the app. The Supervisor ends this process before it answers."""
    supervisor = parts(request).supervisor
    if supervisor is None:
        raise AddonError(
            "no_supervisor", "There is no Supervisor here: restart the container yourself.", 501
        )
    parts(request).background.once("restart", _restart(supervisor))
    return {"status": "restarting"}


async def _restart(supervisor: Supervisor) -> None:
    try:
        await supervisor.restart()
    except AddonError as error:
        _LOGGER.error("The app could not be restarted: %s", error.logged)


async def take_over(all_parts: Parts, kept: dict[str, Any]) -> list[str]:
    """Have the running parts use options that are kept; return what waits for a restart."""
    memory = all_parts.own_options.memory
    wanted, problems = check_options(kept, memory.ids)
    memory.learn(wanted)
    wanted, missing = all_parts.instruction_files.resolved(wanted)
    before, all_parts.options = all_parts.options, wanted
    all_parts.problems = (*problems, *missing)
    return await all_parts.applying.apply(before, wanted)


async def reload(all_parts: Parts) -> None:
    """Take over what is kept once more, because a file that it names was changed."""
    await take_over(all_parts, (await all_parts.own_options.read()).options)


def _refused(code: str, message: str, status: int, **more: Any) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}, **more}, status)


def _etag(kept: Kept) -> str:
    return f'"{kept.version}"'


def _without_secrets(value: Any, key: str = "") -> Any:
    """Put something valid in the place of `!secret NAME`, which the Supervisor looks up."""
    if isinstance(value, dict):
        return {name: _without_secrets(each, name) for name, each in value.items()}
    if isinstance(value, list):
        return [_without_secrets(each, key) for each in value]
    if isinstance(value, str) and value.startswith("!secret "):
        return {"url": "http://secret", "api_key": "secret", "key": "secret", "name": "secret",
                "instructions": ""}.get(key)  # fmt: skip
    return value


def _as_json(problem: OptionProblem) -> dict[str, Any]:
    return {"field": problem.field, "message": problem.message, "notice": problem.notice}
