"""The data files of the languages: complete, free of contradictions, and found word by word."""

from __future__ import annotations

import pytest

from ollama_addon.understanding.lexicon import OPPOSITE, Sense, languages, lexicon
from ollama_addon.understanding.tokens import fold

TAGS = languages()
# Groups that not every language has a use for.
_OPTIONAL = {
    "by",
    "numbers",
    "pairs",
    "articles",
    "be",
    "timer.pl",
    "without_it",
    "later.clock",
    "later.half_past",
    "later.half_to",
    "later.minutes_past",
    "later.minutes_to",
    "later.quarter_past",
    "later.quarter_to",
    "particles.start",
    "particles.pause",
    "particles.lock",
    "particles.unlock",
    "particles.close",
    "particles.on",
    "particles.off",
    "particles.open",
    "particles.dock",
    "and_a_half",
    "durations.180",
    "durations.120",
    "durations.2700",
    "list_prepositions",
}
_STATES = (
    ("on", "off"),
    ("open", "closed"),
    ("locked", "unlocked"),
    ("playing", "paused"),
    ("home", "not_home"),
)
_LOOKUPS: dict[str, dict[str, tuple[str, str]]] = {
    "en": {
        "turn on": ("verbs", "on"),
        "shut": ("verbs", "close"),
        "kitchen": ("places", ""),
        "except": ("except", ""),
    },
    "de": {
        "ausschalten": ("verbs", "off"),
        "mach": ("weak", ""),
        "aus": ("particles", "off"),
        "rollläden": ("nouns", "cover.shutter:pl"),
        "bis auf": ("except", ""),
        "halb": ("later.half_to", ""),
    },
    "nl": {
        "ontgrendel": ("verbs", "unlock"),
        "op slot": ("particles", "lock"),
        "van het slot": ("particles", "unlock"),
        "behalve": ("except", ""),
        "kwartier": ("durations", "900"),
    },
    "fr": {
        "éteins": ("verbs", "off"),
        "ferme à clé": ("verbs", "lock"),
        "volets": ("nouns", "cover.shutter:pl"),
        "moins fort": ("directions", "quieter"),
        "sauf": ("except", ""),
    },
    "es": {
        "enciende": ("verbs", "on"),
        "apagué": ("past", ""),
        "persianas": ("nouns", "cover.shutter:pl"),
        "menos": ("except", ""),
        "media hora": ("durations", "1800"),
    },
    "it": {
        "spegni": ("verbs", "off"),
        "tapparelle": ("nouns", "cover.shutter:pl"),
        "tranne": ("except", ""),
        "sì grazie": ("yes", ""),
        "tra": ("later.delay", ""),
    },
    "pt": {
        "desliga": ("verbs", "off"),
        "baixa": ("verbs", "down"),
        "exceto": ("except", ""),
        "daqui a": ("later.delay", ""),
        "estores": ("nouns", "cover.blind:pl"),
    },
    "pl": {
        "odblokuj": ("verbs", "unlock"),
        "wyłączyłam": ("past", ""),
        "oprócz": ("except", ""),
        "rolety": ("nouns", "cover.shutter:pl"),
        "półtorej godziny": ("durations", "5400"),
    },
    "cs": {
        "zhasni": ("verbs", "off"),
        "odemkni": ("verbs", "unlock"),
        "kromě": ("except", ""),
        "půl": ("later.half_to", ""),
        "světel": ("nouns", "light:pl"),
    },
    "sv": {
        "stäng av": ("verbs", "off"),
        "stäng": ("verbs", "close"),
        "utom": ("except", ""),
        "halv": ("later.half_to", ""),
        "lampan": ("nouns", "light:sg"),
    },
    "da": {
        "sluk": ("verbs", "off"),
        "slukkede": ("past", ""),
        "undtagen": ("except", ""),
        "lyset": ("nouns", "light:mass"),
        "lås op": ("verbs", "unlock"),
    },
    "nb": {
        "slå av": ("verbs", "off"),
        "lås opp": ("verbs", "unlock"),
        "unntatt": ("except", ""),
        "lyset": ("nouns", "light:mass"),
        "halv": ("later.half_to", ""),
    },
    "zh": {
        "打开": ("verbs", "on"),
        "关闭": ("verbs", "off"),
        "不要": ("negations", ""),
        "除了": ("except", ""),
        "分钟": ("units", "minute"),
        "卧室": ("places", ""),
    },
    "ja": {
        "つけて": ("verbs", "on"),
        "消して": ("verbs", "off"),
        "以外": ("except_after", ""),
        "ないで": ("negations", ""),
        "後に": ("later.delay", ""),
        "寝室": ("places", ""),
    },
}


@pytest.mark.parametrize("tag", TAGS)
def test_a_file_has_every_group_of_the_reference(tag: str) -> None:
    own = lexicon(tag)

    def kind(name: str) -> str:
        return name.partition(":")[0] if name.startswith("nouns.") else name

    has = {kind(name) for name, phrases in own.lists.items() if phrases}
    wanted = {kind(name) for name, phrases in lexicon("en").lists.items() if phrases}
    assert sorted(wanted - has - _OPTIONAL) == []


@pytest.mark.parametrize("tag", TAGS)
def test_a_file_has_words_enough_for_everyday_speech(tag: str) -> None:
    own = lexicon(tag)
    assert len(own.phrases) >= 600
    for group in ("yes", "no", "never_mind"):
        assert len(own.listed(group)) >= 15, group
    for group in ("requests", "fillers", "past", "places", "corrections", "undo"):
        assert len(own.listed(group)) >= 8, group
    assert len(own.listed("except")) + len(own.listed("except_after")) >= 8


@pytest.mark.parametrize("tag", TAGS)
def test_every_group_is_found_by_its_words(tag: str) -> None:
    own = lexicon(tag)
    found = {
        f"{sense.group}.{sense.meaning}".rstrip(".")
        for senses in own.phrases.values()
        for sense in senses
    }
    assert {name for name, phrases in own.lists.items() if phrases} <= found


@pytest.mark.parametrize("tag", TAGS)
def test_no_phrase_means_two_opposite_things(tag: str) -> None:
    own = lexicon(tag)
    for group in ("verbs", "particles", "directions", "feelings"):
        for words, senses in own.phrases.items():
            meanings = {sense.meaning for sense in senses if sense.group == group}
            clash = [m for m in meanings if OPPOSITE.get(m) in meanings]
            assert not clash, (group, words)
    for words, senses in own.phrases.items():
        states = {sense.meaning for sense in senses if sense.group == "states"}
        assert not any({one, other} <= states for one, other in _STATES), words


@pytest.mark.parametrize("tag", TAGS)
def test_verbs_in_two_parts_do_not_contradict_those_in_one(tag: str) -> None:
    own = lexicon(tag)
    for (first, last), action in own.gaps.items():
        senses = own.phrases.get((*first, *last), ())
        together = {sense.meaning for sense in senses if sense.group == "verbs"}
        assert OPPOSITE.get(action) not in together, (first, last)


@pytest.mark.parametrize("tag", TAGS)
def test_yes_and_no_are_never_the_same(tag: str) -> None:
    own = lexicon(tag)
    assert not set(own.listed("yes")) & set(own.listed("no"))
    assert not set(own.listed("yes")) & set(own.listed("never_mind"))


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize(
    "group", ["colors", "whites", "units", "durations", "amounts", "later.weekdays"]
)
def test_a_phrase_has_one_meaning_within_its_group(tag: str, group: str) -> None:
    for words, senses in lexicon(tag).phrases.items():
        meanings = {sense.meaning for sense in senses if sense.group == group}
        assert len(meanings) <= 1, (words, meanings)


@pytest.mark.parametrize("tag", TAGS)
def test_colors_are_found_with_and_without_accents(tag: str) -> None:
    own = lexicon(tag)
    for words, senses in own.phrases.items():
        for sense in senses:
            if sense.group == "colors":
                assert sense in own.senses(words)
                assert sense in own.folded[tuple(fold(word) for word in words)]


@pytest.mark.parametrize("tag", TAGS)
def test_a_week_has_seven_days(tag: str) -> None:
    own = lexicon(tag)
    assert all(own.listed(f"later.weekdays.{day}") for day in range(7))


@pytest.mark.parametrize("tag", TAGS)
def test_what_says_nothing_is_not_what_says_what_to_do(tag: str) -> None:
    """A filler that is a verb, a negation or an exception would make its meaning vanish."""
    own = lexicon(tag)
    for words, senses in own.phrases.items():
        groups = {sense.group for sense in senses}
        if "fillers" in groups:
            assert not groups & {"nouns", "negations", "except", "colors"}, words
            assert not any(s.group == "verbs" and s.meaning in OPPOSITE for s in senses), words


@pytest.mark.parametrize(
    ("tag", "phrase", "sense"),
    [
        (tag, phrase, Sense(*sense))
        for tag in TAGS
        for phrase, sense in _LOOKUPS.get(tag, {}).items()
    ],
)
def test_words_are_known_for_what_they_are(tag: str, phrase: str, sense: Sense) -> None:
    own = lexicon(tag)
    words = tuple(phrase) if own.script == "characters" else tuple(phrase.split())
    assert sense in own.senses(words)


def test_folding_takes_accents_and_keeps_letters() -> None:
    assert fold("Éteins") == "eteins"
    assert fold("łazience") == "lazience"
    assert fold("が") != fold("か")
    assert fold("ぱ") != fold("は")
