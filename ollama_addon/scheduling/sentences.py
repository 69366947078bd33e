"""Sentences about one order."""

from __future__ import annotations

import time
from datetime import datetime

from ollama_addon.agent.actions.opposites import opposites
from ollama_addon.home.model import House
from ollama_addon.scheduling.moments import Place
from ollama_addon.scheduling.order import Order
from ollama_addon.scheduling.words import Words, words_for


def now_in(house: House) -> datetime:
    """Return the present moment in the zone of a house."""
    return at(time.time(), house)


def at(seconds: float, house: House) -> datetime:
    """Return a time since the epoch in the zone of a house."""
    return datetime.fromtimestamp(seconds, Place.of(house).zone)


def words_of_house(language: str, house: House) -> Words:
    """Return the words of a language, with times as they are written in the home's country."""
    return words_for(language or house.language, house.country)


def will(order: Order, house: House, words: Words) -> str:
    """Return what will be done and when, and when it will be undone."""
    sentence = _filled("will", order, house, words)
    if order.ends is None or not (undoing := opposites(order.actions, house)):
        return sentence
    when = words.when(at(order.ends, house), now_in(house))
    then = words.text("will", what=words.actions(undoing, house), when=when)
    return f"{sentence}{words.text('space')}{then}"


def entry(order: Order, house: House, words: Words) -> str:
    """Return an order as one of a list: `turn off TV at 21:40`."""
    return _filled("entry", order, house, words)


def told(key: str, order: Order, house: House) -> str:
    """Return what is told of an order that was `missed`, `interrupted` or `not_done`."""
    return _filled(key, order, house, words_of_house(order.speaker.language, house))


def _filled(key: str, order: Order, house: House, words: Words) -> str:
    when = words.when(at(order.due, house), now_in(house))
    return words.text(key, what=words.actions(order.actions, house), when=when)
