"""How often what a sentence means is in the shortlist, in the homes of the evaluation."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import pytest
import yaml

from eval.cases import Case, load_cases
from eval.home import Home, load_homes
from ollama_addon.agent.strategies.prompt import native_prefix, wide_prefix
from ollama_addon.home.model import Area, Entity, Floor, House
from ollama_addon.understanding.old_clauses import clauses
from ollama_addon.understanding.shortlist import LIMIT, Index
from ollama_addon.understanding.vocabulary import Group
from ollama_addon.understanding.words import words_of

HOMES = load_homes()
KINDS = ("plain", "value", "group", "several")


@lru_cache
def index_of(home_id: str) -> Index:
    """Return a home of the evaluation as the mirror would show it, as far as names go."""
    inventory: dict[str, Any] = yaml.safe_load(HOMES[home_id].path.read_text())
    entities = {
        each["id"]: Entity(
            each["id"],
            each["name"],
            tuple(each.get("aliases", ())),
            each.get("area"),
            device_class=each.get("device_class"),
            # Whatever can be done: what is measured is who is meant.
            supported_features=(1 << 24) - 1,
        )
        for each in inventory["entities"]
        if each.get("exposed", True)
    }
    areas = {
        each["id"]: Area(
            each["id"], each["name"], each.get("floor"), tuple(each.get("aliases", ()))
        )
        for each in inventory["areas"]
    }
    floors = {
        each["id"]: Floor(
            each["id"], each["name"], each.get("level"), tuple(each.get("aliases", ()))
        )
        for each in inventory.get("floors", ())
    }
    satellites = {each["id"]: each["area"] for each in inventory["satellites"] if "area" in each}
    house = House(entities, areas, floors, satellite_areas=satellites)
    return Index(house, words_of(inventory["language"]))


def meant(case: Case, home: Home) -> set[str]:
    return {entity_id for selector in case.change for entity_id in home.select(selector)}


def recalled(case: Case, home: Home) -> bool:
    index = index_of(case.home)
    area_id = index.house.satellite_areas.get(case.at or "")
    found: set[str] = set()
    for clause in clauses(case.say[0], index, area_id):
        for candidate in index.look_up(clause, area_id=area_id).candidates[:LIMIT]:
            target = candidate.target
            members = target.members(index.house) if isinstance(target, Group) else [target]
            found |= {member.id for member in members}
    return meant(case, home) <= found


@pytest.mark.parametrize("home_id", HOMES)
def test_the_shortlist_holds_what_is_meant(
    home_id: str, record_property: Callable[[str, object], None]
) -> None:
    cases = [
        case
        for case in load_cases()
        if case.home == home_id and case.kind in KINDS and case.change and len(case.say) == 1
    ]
    held = [case for case in cases if recalled(case, HOMES[home_id])]
    record_property("recall", len(held) / len(cases))
    missed = [case.id for case in cases if case not in held]
    assert len(held) / len(cases) >= 0.9, missed


def large_house(size: int) -> House:
    areas = {f"a{n}": Area(f"a{n}", f"Room {n}") for n in range(size // 20)}
    entities = {
        f"light.l{n}": Entity(
            f"light.l{n}",
            f"Lamp number {n}",
            (),
            f"a{n % len(areas)}",
            capabilities={"supported_color_modes": ["brightness"]},
        )
        for n in range(size)
    }
    return House(entities, areas)


@pytest.mark.parametrize("make", [wide_prefix, native_prefix])
@pytest.mark.parametrize("size", [100, 1_000, 5_000])
def test_a_house_of_any_size_fits_the_context_window(make: Any, size: int) -> None:
    budget = 5_000
    prefix = make(Index(large_house(size), words_of("en")), "Be kind.", budget)
    assert len(prefix) / 3.3 <= budget
    assert "Be kind." in prefix
    assert ("Lamp number 7" in prefix) == (size == 100)
    assert "Room 3" in prefix
