"""What a reply says, as far as words show it."""

from __future__ import annotations

import re
import unicodedata

from eval.cases import Reply

# A reply that has one of the first and none of the second says that something was done.
_CLAIMS = {
    "en": (
        r"(turn|switch|shut|clos|open|unlock|lock|activat|start|stopp?|press|dimm|chang)"
        r"(ed|ing)|set|done|will (turn|switch|be|set|open|close|do)",
        r"no|not|cannot|unable|sorry|couldn't|there (is|are|was)|\w+n't|which|only|outside",
    ),
    "de": (
        r"(ein|aus|an|um)geschaltet|(auf|ab|zu)?geschlossen|geöffnet|(ent|ver)riegelt|gestartet"
        r"|(ein)?gestellt|aktiviert|erledigt|festgelegt|(wird|werde)\b.*\b\w+en",
        r"nicht|kein\w*|leider|nur|welche\w*|entschuldigung",
    ),
    "fr": (
        r"(éteint|allumé|ouvert|fermé|verrouillé|déverrouillé|activé|réglé|démarré|lancé)"
        r"(e|s|es)?|ouverture|fermeture|terminé|fait|(vais|va|sera)\b",
        r"ne|n'\w+|pas|aucune?|désolée?|impossible|seulement|quelle?s?",
    ),
    "es": (
        r"(apagad|encendid|abiert|cerrad|activad|ajustad|establecid|iniciad|cambiad)(o|a)s?|hecho"
        r"|listo|(voy a|apagaré|encenderé|pondré|abriré)\b",
        r"no|ningun[oa]?|ningún|siento|solo|sólo|cuál|imposible",
    ),
}


def plain(text: str) -> str:
    """Return a text without what does not count: case, kinds of quotes, the decimal comma."""
    text = unicodedata.normalize("NFKC", text).casefold()
    text = text.replace("’", "'").replace("−", "-")
    return re.sub(r"(?<=\d),(?=\d)", ".", text)


def says(reply: str, phrase: str) -> bool:
    """Whether a phrase stands in a reply as whole words; `11` does not stand in `11.5`."""
    pattern = rf"(?<![\w.]){re.escape(plain(phrase))}(?!\w|\.\d)"
    return re.search(pattern, plain(reply)) is not None


def claims(reply: str, language: str) -> bool:
    """Whether a reply says that something was done."""
    done, denied = (
        re.compile(rf"(?<!\w)({words})(?!\w)") for words in _CLAIMS[language.partition("-")[0]]
    )
    text = plain(reply)
    return done.search(text) is not None and denied.search(text) is None


def complaints(reply: str, wanted: Reply) -> list[str]:
    """List what a reply lacks or should not have, as sentences."""
    found = []
    if wanted.one_of and not any(says(reply, phrase) for phrase in wanted.one_of):
        found.append(f"the reply has none of {', '.join(wanted.one_of)}")
    found += [
        f"the reply lacks {' or '.join(phrases)}"
        for phrases in wanted.every
        if not any(says(reply, phrase) for phrase in phrases)
    ]
    found += [f"the reply must not say {each}" for each in wanted.never if says(reply, each)]
    return found
