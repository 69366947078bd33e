"""What the words of a language tell about an intent.

`home-assistant-intents` holds the sentences that people of 65 languages say to Home
Assistant, as templates. From these the words of each intent are learnt: "close" speaks for
turning a cover off, "is" for a question. It tells what a sentence may mean, not what it
means: that the model decides, among what is left.
"""

from __future__ import annotations

import math
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

from hassil.expression import (
    Alternative,
    Expression,
    ListReference,
    Permutation,
    RuleReference,
    Sequence as TextSequence,
    TextChunk,
)
from hassil.parse_expression import parse_sentence
from home_assistant_intents import get_intents, get_languages
from rapidfuzz import fuzz, process
from unicode_rbnf import RbnfEngine

_SAMPLES = 6
_MAX_DEPTH = 12
FRACTIONS = dict.fromkeys(
    "half halfway halb halbe halfte moitie mitad helft halverwege meta polowa metade".split(), 50
) | dict.fromkeys("quarter viertel quart cuarto kwart quarto cwierc".split(), 25)
"""Shares that people say instead of a percentage."""

FILLERS = frozenset(
    "um uh uhm erm eh hey hi ok okay please could would can you your i i'd like want me my "
    "kindly just now actually mind the a an "
    "ah ahm aehm bitte mal doch kannst konntest du wurdest ich mochte jetzt eben "
    "euh s'il te plait vous tu peux pouvez veux maintenant "
    "por favor puedes quiero ahora oye pues "
    "both beide beiden ambos ambas entrambi entrambe oba obie "
    "alsjeblieft graag kun je kan even wil nu "
    # What only ties a sentence to the one before.
    "then instead better rather again also too other one "
    "dann lieber stattdessen wieder auch noch andere anderen "
    "alors plutot aussi encore autre mejor entonces tambien otra otro solo "
    "dan liever ook weer andere".split()
)
"""Words that people say besides what they mean."""

_BOTH = "both beide beiden ambos ambas entrambi entrambe oba obie".split()

UNITS = (
    dict.fromkeys(
        "h hr hour hours stunde stunden heure heures hora horas uur uren ora ore".split(), "hours"
    )
    | dict.fromkeys(
        "min mins minute minutes minuten minuto minutos minuut minuti minuta minuty".split(),
        "minutes",
    )
    | dict.fromkeys(
        "s sec secs second seconds sekunde sekunden seconde secondes segundo segundos seconden "
        "secondi sekunda sekundy".split(),
        "seconds",
    )
)
"""Units of a timer, folded."""

_UNSAID = -1.0
"""What a word speaks against a kind whose sentences never have it."""
_PLACE = {"area", "name", "floor"}
_TOKEN = re.compile(r"\w+(?:[.,]\d+)?(?:['’]\w+)?|%|°")


class Kind(NamedTuple):
    """An intent, and the domain that its sentences are about, where they name one."""

    intent: str
    domain: str | None


@lru_cache(16_384)
def fold(text: str) -> str:
    """Return text without case, accents and typographic marks, as words are compared."""
    decomposed = unicodedata.normalize("NFKD", text.casefold().replace("’", "'"))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace("ß", "ss")


def tokens(text: str) -> list[str]:
    """Return the folded words and numbers of a text."""
    return list(_tokens(text))


@lru_cache(16_384)
def _tokens(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(fold(text)))


def supported(language: str) -> str:
    """Return the language of the intents package nearest to a language tag, English if none is."""
    known = get_languages()
    for tag in (language, language.replace("_", "-"), re.split("[-_]", language)[0]):
        if tag in known:
            return tag
    return "en"


class Words:
    """The words of one language. Use `words_of`, which keeps them."""

    def __init__(self, language: str) -> None:
        data: Mapping[str, Any] = get_intents(language) or {}
        self.language = language
        self.responses: Mapping[str, Any] = data.get("responses", {})
        self._near: dict[str, str | None] = {}
        self._rules = {
            name: parse_sentence(body).expression
            for name, body in data.get("expansion_rules", {}).items()
        }
        self._lists: Mapping[str, Any] = data.get("lists", {})
        self._random = random.Random(0)
        self.numbers = self._number_words()
        self.colors = self._list_words("color")
        self.levels = {**self._list_words("brightness_level"), **FRACTIONS}
        self.states = {
            list_name: self._list_words(list_name)
            for list_name in (
                "on_off_states",
                "cover_states",
                "lock_states",
                "bs_open_states",
                "bs_occupancy_states",
            )
        }
        self.device_classes = self._list_words("cover_classes")
        self.all = {
            *self._rule_words("all", "alle", "tous", "todos", "todas", "tutti"),
            *_BOTH,
        }
        self.everywhere = set(self._rule_words("everywhere", "partout", "ueberall"))
        self._questions_by_rule = {
            rule: set(self._rule_words(rule)) for rule in ("how_many", "which", "all", "any")
        }
        self._response_keys = _response_keys(data.get("intents", {}))
        samples = self._sample_all(data.get("intents", {}))
        self._weights = self._learn(samples)
        self.domains = self._learn_domains(samples)
        nouns = {*self.domains, *self.device_classes, *chain.from_iterable(self.states.values())}
        every = {word for phrase in self.all for word in phrase.split()}
        self.questions = self._learn_questions(samples) - nouns - every

    def weigh(self, words: Iterable[str]) -> dict[Kind, float]:
        """Return how strongly words speak for each kind of intent; 0 says nothing either way.

        The numbers are logarithms of ratios: 1 means e times likelier than usual.
        """
        known = [
            self._weights[near] for word in set(words) if (near := self._nearest(word)) is not None
        ]
        kinds = set().union(*known) if known else set()
        return {kind: sum(weights.get(kind, _UNSAID) for weights in known) for kind in kinds}

    def strength(self, words: Iterable[str]) -> float:
        """Return how strongly words say what to do, whatever that is; talk of time is weak."""
        weights = self.weigh(words)
        return max((w - 2.0 * (k.intent in _CLOCK) for k, w in weights.items()), default=0.0)

    def knows(self, word: str) -> bool:
        """Tell whether the word occurs in any sentence of the language."""
        return self._nearest(word) is not None or word in FILLERS

    def says(self, word: str) -> bool:
        """Tell whether the word itself occurs in the sentences of the language."""
        return word in self._weights

    def _nearest(self, word: str) -> str | None:
        """Return the known word that this one is, or is an inflection or a mishearing of."""
        if word in self._weights:
            return word
        if len(word) < 5:
            return None
        if word not in self._near:
            if len(self._near) > 5_000:
                self._near.clear()
            stems = [known for known in self._weights if len(known) >= 4 and word.startswith(known)]
            best = process.extractOne(
                word, self._weights.keys(), score_cutoff=86, scorer=fuzz.ratio
            )
            self._near[word] = max(stems, key=len) if stems else best[0] if best else None
        return self._near[word]

    def response_key(self, intent: str, domain: str, shape: str) -> str:
        """Return which of an intent's responses its own sentences of that shape ask for."""
        return self._response_keys.get((intent, domain, shape), "default")

    def question_key(self, said: str) -> str:
        """Return which response answers a question about many: how many, which, all or any."""
        for rule, key in (("how_many", "how_many"), ("which", "which"), ("all", "all")):
            if any(f" {phrase} " in f" {said} " for phrase in self._questions_by_rule[rule]):
                return key
        return "any"

    # Learning

    def _sample_all(self, intents: Mapping[str, Any]) -> dict[Kind, list[list[str]]]:
        samples: dict[Kind, list[list[str]]] = defaultdict(list)
        for intent, body in intents.items():
            for block in body["data"]:
                for domain in _domains_of(block):
                    for template in block["sentences"]:
                        expression = parse_sentence(template).expression
                        samples[Kind(intent, domain)].extend(
                            tokens(self._sample(expression, block)) for _ in range(_SAMPLES)
                        )
        return samples

    def _learn(
        self, samples: Mapping[Kind, Sequence[Sequence[str]]]
    ) -> dict[str, dict[Kind, float]]:
        shares: dict[str, dict[Kind, float]] = defaultdict(dict)
        for kind, texts in samples.items():
            counts = Counter(word for text in texts for word in set(text))
            for word, count in counts.items():
                shares[word][kind] = count / len(texts)
        smooth = 0.01
        weights: dict[str, dict[Kind, float]] = {}
        for word, by_kind in shares.items():
            background = sum(by_kind.values()) / len(samples) + smooth
            weights[word] = {
                kind: math.log((share + smooth) / background) for kind, share in by_kind.items()
            }
        return weights

    def _learn_questions(self, samples: Mapping[Kind, Sequence[Sequence[str]]]) -> frozenset[str]:
        """Words of questions are those that orders do without: "is", "which", "how"."""
        asked, ordered = Counter[str](), Counter[str]()
        totals = [0, 0]
        for kind, texts in samples.items():
            question = kind.intent in _QUESTIONS
            totals[question] += len(texts)
            for text in texts:
                (asked if question else ordered).update(set(text))
        return frozenset(
            word
            for word, count in asked.items()
            if count / totals[True] > 0.02
            and count / totals[True] > 5 * (ordered[word] / totals[False])
        )

    def _learn_domains(
        self, samples: Mapping[Kind, Sequence[Sequence[str]]]
    ) -> dict[str, dict[str, float]]:
        """Nouns of a domain are the words that its orders and its questions share."""
        counts: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        totals: Counter[tuple[str, str]] = Counter()
        for (intent, domain), texts in samples.items():
            if domain in {"light", "fan", "switch", "lock"} and intent in _NOUN_INTENTS:
                totals[domain, intent] += len(texts)
                for text in texts:
                    counts[domain][intent].update(set(text))
        nouns: dict[str, dict[str, float]] = defaultdict(dict)
        for domain, by_intent in counts.items():
            for word in set().union(*by_intent.values()):
                shares = [by_intent[intent][word] / totals[domain, intent] for intent in by_intent]
                elsewhere = max(
                    (
                        other[intent][word] / totals[name, intent]
                        for name, other in counts.items()
                        if name != domain
                        for intent in other
                    ),
                    default=0.0,
                )
                share = sum(shares) / len(shares)
                if sum(s > 0 for s in shares) > 1 and share > 0.03 and share > 4 * elsewhere:
                    nouns[word][domain] = share
        return dict(nouns)

    # Templates

    def _sample(self, expression: Expression, block: Mapping[str, Any], depth: int = 0) -> str:
        if depth > _MAX_DEPTH:
            return ""
        if isinstance(expression, TextChunk):
            return expression.text
        if isinstance(expression, Alternative):
            return self._sample(self._random.choice(expression.items), block, depth + 1)
        if isinstance(expression, Permutation):
            items = list(expression.items)
            self._random.shuffle(items)
            return " ".join(self._sample(item, block, depth + 1) for item in items)
        if isinstance(expression, TextSequence):
            return "".join(self._sample(item, block, depth + 1) for item in expression.items)
        if isinstance(expression, RuleReference):
            local = block.get("expansion_rules", {}).get(expression.rule_name)
            if local is not None:
                return self._sample(parse_sentence(local).expression, block, depth + 1)
            body = self._rules.get(expression.rule_name)
            return self._sample(body, block, depth + 1) if body is not None else ""
        if isinstance(expression, ListReference):
            return self._list_sample(expression, block, depth)
        return ""

    def _list_sample(self, reference: ListReference, block: Mapping[str, Any], depth: int) -> str:
        if reference.list_name in _PLACE:
            return ""
        body = block.get("lists", {}).get(reference.list_name, self._lists.get(reference.list_name))
        values = (body or {}).get("values")
        if not values:
            return ""
        value = self._random.choice(values)
        text = value["in"] if isinstance(value, dict) else value
        return self._sample(parse_sentence(str(text)).expression, block, depth + 1)

    def _list_words(self, name: str) -> dict[str, Any]:
        """Return what each wording of a list stands for: `{"blinds": "blind", …}`."""
        found: dict[str, Any] = {}
        for value in (self._lists.get(name) or {}).get("values", ()):
            template = value["in"] if isinstance(value, dict) else value
            out = value["out"] if isinstance(value, dict) else value
            expression = parse_sentence(str(template)).expression
            for _ in range(12):
                text = " ".join(tokens(self._sample(expression, {})))
                if text:
                    found.setdefault(text, out)
        return found

    def _rule_words(self, *names: str) -> list[str]:
        texts = [
            self._sample(self._rules[name], {})
            for name in names
            if name in self._rules
            for _ in range(24)
        ]
        return [text.strip() for text in map(fold, texts) if text.strip()]

    def _number_words(self) -> dict[str, int]:
        try:
            engine = RbnfEngine.for_language(self.language.split("-")[0])
        except ValueError:
            return {}
        found: dict[str, int] = {}
        for number in range(101):
            for text in engine.format_number(number).text_by_ruleset.values():
                word = " ".join(tokens(text.replace("\xad", "").replace("-", " ")))
                if word and not word.isdigit():
                    found.setdefault(word, number)
        return found


_QUESTIONS = {"HassGetState", "HassClimateGetTemperature", "HassGetWeather"}
_CLOCK = {"HassGetCurrentTime", "HassGetCurrentDate"}
_NOUN_INTENTS = {"HassTurnOn", "HassTurnOff", "HassGetState"}


def _domains_of(block: Mapping[str, Any]) -> Sequence[str | None]:
    slots = block.get("slots") or {}
    if domain := slots.get("domain"):
        return [domain] if isinstance(domain, str) else list(domain)
    context = (block.get("requires_context") or {}).get("domain")
    if isinstance(context, dict):
        context = context.get("value")
    if isinstance(context, str):
        return [context]
    return list(context) if context else [None]


def _response_keys(intents: Mapping[str, Any]) -> dict[tuple[str, str, str], str]:
    keys: dict[tuple[str, str, str], str] = {}
    for intent, body in intents.items():
        for block in body["data"]:
            combination = str((block.get("metadata") or {}).get("slot_combination", ""))
            for shape in ("device_class", "name", "area", "floor", "all"):
                if shape in combination:
                    for domain in _domains_of(block):
                        keys.setdefault((intent, domain or "", shape), block.get("response", ""))
                    break
    return {key: value or "default" for key, value in keys.items()}


@lru_cache(maxsize=4)
def words_of(language: str) -> Words:
    """Return the words of a language (a tag such as `de` or `pt-BR`), learnt once."""
    return Words(supported(language))
