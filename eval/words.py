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
    "it": (
        r"(spent|acces|apert|chius|accend|attivat|impostat|bloccat|sbloccat|aggiunt|avviat)"
        r"(o|a|i|e)|fatto|(spengo|accendo|apro|chiudo)\b",
        r"non|nessun[oa]?|mi dispiace|solo|quale|quali|impossibile",
    ),
    "nl": (
        r"(uit|aan|in)geschakeld|geopend|gesloten|vergrendeld|ontgrendeld|gestart|ingesteld"
        r"|geactiveerd|toegevoegd|gedaan|(wordt|zal)\b.*\b\w+en",
        r"niet|geen|helaas|alleen|welke|sorry",
    ),
    "pl": (
        r"(włącz|wyłącz|otw|zamk|zablok|odblok|ustawi|uruch|doda)\w*(ono|ony|one|ona|łem|łam|am|em)"
        r"|gotowe|zrobione|otwarto|zamknięto",
        r"nie|brak|żadn\w+|niestety|tylko|któr\w+",
    ),
    "pt": (
        r"(deslig|lig|fech|abert|abr|tranc|destranc|ativ|defin|inici|adicion)\w*(ad[oa]s?|[eo]i)"
        r"|abert[oa]s?|feito|pronto",
        r"não|nenhum\w*|desculp\w+|só|apenas|qual|quais|impossível",
    ),
    "sv": (
        r"(släckt|tänt|stängt|öppnat|låst|satt|startat|aktiverat|lagt till|slagit (på|av))\w*"
        r"|klart|stängde|tände|släckte|öppnade|låste",
        r"inte|ingen|inget|inga|tyvärr|bara|vilken|vilka",
    ),
    "da": (
        r"(slukket|tændt|lukket|åbnet|låst|sat|startet|aktiveret|tilføjet)|færdig|slukkede|tændte",
        r"ikke|ingen|intet|desværre|kun|hvilken|hvilke",
    ),
    "nb": (
        r"(slått (av|på)|slukket|tent|lukket|åpnet|låst|satt|startet|aktivert|lagt til)|ferdig"
        r"|slo (av|på)|skrudde",
        r"ikke|ingen|intet|dessverre|bare|hvilken|hvilke",
    ),
    "cs": (
        r"(zapnut|vypnut|otevřen|zavřen|zamčen|odemčen|nastaven|spuštěn|přidán)\w*"
        r"|(zapnul|vypnul|otevřel|zavřel|zamkl|odemkl)[ai]?|hotovo",
        r"ne|není|nejsou|žádn\w+|bohužel|jen|kter\w+",
    ),
}
_CLAIMS_UNSPACED = {
    "zh": ("已|好了|完成", "没|不|无|哪|抱歉"),
    "ja": ("しました|完了|つけた|消した", "ません|ない|どの|すみません|できません"),
}
"""The same for languages that write no spaces between words."""

_YES_NO = {
    "en": ("yes|yep|yeah", "no|none|not|isn't|aren't|nope"),
    "de": ("ja", "nein|kein|keine|nicht"),
    "fr": ("oui", "non|aucun|aucune|pas"),
    "es": ("sí", "no|ninguna|ninguno|ningún"),
    "it": ("sì|si", "no|nessuno|nessuna|nessun|non"),
    "nl": ("ja", "nee|geen|niet"),
    "pl": ("tak", "nie|żadne|żadna|żaden"),
    "pt": ("sim", "não|nenhum|nenhuma"),
    "sv": ("ja", "nej|ingen|inga|inget|inte"),
    "da": ("ja", "nej|ingen|intet|ikke"),
    "nb": ("ja", "nei|ingen|intet|ikke"),
    "cs": ("ano", "ne|žádné|žádná|žádný|není|nejsou"),
}
_YES_NO_UNSPACED = {"zh": ("是|对|有|开着", "没|不|否"), "ja": ("はい|ええ", "いいえ|ません|ない")}


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
    short = language.partition("-")[0]
    text = plain(reply)
    if short in _CLAIMS_UNSPACED:
        done, denied = (re.compile(words) for words in _CLAIMS_UNSPACED[short])
    else:
        done, denied = (re.compile(rf"(?<!\w)({words})(?!\w)") for words in _CLAIMS[short])
    return done.search(text) is not None and denied.search(text) is None


def answers(reply: str, answer: str, language: str) -> bool:
    """Whether a reply answers a question with yes, or with no."""
    short = language.partition("-")[0]
    text = plain(reply)
    if short in _YES_NO_UNSPACED:
        yes, no = (re.search(words, text) for words in _YES_NO_UNSPACED[short])
    else:
        yes, no = (re.search(rf"(?<!\w)({words})(?!\w)", text) for words in _YES_NO[short])
    return no is not None if answer == "no" else yes is not None and no is None


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
