"""Which intent is meant by what a model calls it."""

from __future__ import annotations

import re

from rapidfuzz import fuzz, process

from ollama_addon.understanding.verb_table import TARGETLESS, VERBS

INTENTS = frozenset(verb.intent for verb in (*VERBS, *TARGETLESS))
_BY_FOLDED = {re.sub(r"[^a-z]", "", intent.lower()): intent for intent in INTENTS}
_WORDINGS = {
    "turnon": "HassTurnOn",
    "switchon": "HassTurnOn",
    "on": "HassTurnOn",
    "activate": "HassTurnOn",
    "activatescene": "HassTurnOn",
    "press": "HassTurnOn",
    "run": "HassTurnOn",
    "runscript": "HassTurnOn",
    "turnoff": "HassTurnOff",
    "switchoff": "HassTurnOff",
    "off": "HassTurnOff",
    "setbrightness": "HassLightSet",
    "setcolor": "HassLightSet",
    "lightset": "HassLightSet",
    "setlight": "HassLightSet",
    "settemperature": "HassClimateSetTemperature",
    "setposition": "HassSetPosition",
    "setvolume": "HassSetVolume",
    "setfanspeed": "HassFanSetSpeed",
    "pause": "HassMediaPause",
    "play": "HassMediaUnpause",
    "resume": "HassMediaUnpause",
    "next": "HassMediaNext",
    "previous": "HassMediaPrevious",
    "mute": "HassMediaPlayerMute",
    "unmute": "HassMediaPlayerUnmute",
    "stop": "HassStopMoving",
    "additem": "HassListAddItem",
    "addtolist": "HassListAddItem",
    "removeitem": "HassListRemoveItem",
    "completeitem": "HassListCompleteItem",
    "settimer": "HassStartTimer",
    "announce": "HassBroadcast",
    "getstate": "HassGetState",
    "check": "HassGetState",
    "getlivecontext": "HassGetState",
}
# What opens or locks must not be taken for its opposite: a lock that is "opened" is unlocked.
_OPENING = {"open": "HassTurnOn", "close": "HassTurnOff"}
_LOCKING = {"lock": "HassTurnOn", "unlock": "HassTurnOff"}
_BOTH_WAYS = {
    f"{prefix}{word}{suffix}": (word, table[word])
    for table in (_OPENING, _LOCKING)
    for word in table
    for prefix in ("", "hass")
    for suffix in ("", "cover", "valve", "door", "lock")
}


def intent_of(said: str) -> tuple[str, str | None] | None:
    """Return the intent that is meant, and the word where it says open, close or lock.

    None for what is no action of ours.
    """
    if said in INTENTS:
        return said, None
    tail = re.split(r"__|::|\.(?=Hass)", said)[-1]
    if tail in INTENTS:
        return tail, None
    key = re.sub(r"[^a-z]", "", tail.rpartition(".")[2].lower())
    if key in _BOTH_WAYS:
        word, intent = _BOTH_WAYS[key]
        return intent, word
    found = _BY_FOLDED.get(key) or _WORDINGS.get(key) or _BY_FOLDED.get("hass" + key)
    if found is None:
        near = process.extractOne(key, list(_BY_FOLDED), scorer=fuzz.ratio, score_cutoff=85)
        # On and off, lock and unlock are one letter apart from each other.
        if near and not {near[0], key} & {"hassturnon", "hassturnoff"}:
            found = _BY_FOLDED[near[0]]
    return (found, None) if found else None


def opened(word: str, domain: str) -> str | None:
    """Return on or off for open, close, lock and unlock, by what the target is; None if neither."""
    if domain == "lock":
        return {"open": "HassTurnOff", "close": "HassTurnOn", **_LOCKING}[word]
    return _OPENING.get(word)
