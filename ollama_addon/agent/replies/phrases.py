"""The few sentences of the agent's own that Home Assistant's translations do not have."""

from __future__ import annotations

_PHRASES: dict[str, dict[str, str]] = {
    "en": {
        "which": "Which one do you mean: {names}?",
        "sure": "Are you sure? This is about {names}.",
        "kept": "All right, I left it as it is.",
        "no_answer": "{names} did not respond.",
        "not_found": "I could not find that in your home.",
        "cannot": "{names} cannot do that.",
        "range": "{names} takes values from {low} to {high}.",
        "later": "I cannot do that later or under a condition, only now.",
        "empty": "The list is empty.",
        "or": "or",
        "and": "and",
        "left": "I left it as it is.",
        "noted": "All right.",
        "no_place": "There is no {words} here.",
        "no_thing": 'I did not find "{words}" here.',
        "when_unclear": 'I did not understand "{words}".',
        "nothing_asked": "All right.",
        "no_undo": "I cannot undo that.",
        "no_model": "I have no language model for that. Clear commands work.",
        "unknown": "I do not know that.",
        "value": "That value makes no sense.",
    },
    "de": {
        "which": "Was meinst du: {names}?",
        "sure": "Bist du sicher? Es geht um {names}.",
        "kept": "Gut, ich lasse es, wie es ist.",
        "no_answer": "{names} hat nicht reagiert.",
        "not_found": "Das konnte ich in deinem Zuhause nicht finden.",
        "cannot": "{names} kann das nicht.",
        "range": "{names} nimmt Werte von {low} bis {high}.",
        "later": "Das kann ich nicht später oder unter einer Bedingung tun, nur jetzt.",
        "empty": "Die Liste ist leer.",
        "or": "oder",
        "and": "und",
    },
    "fr": {
        "which": "Lequel voulez-vous dire : {names} ?",
        "sure": "Êtes-vous sûr ? Il s'agit de {names}.",
        "kept": "D'accord, je n'y touche pas.",
        "no_answer": "{names} n'a pas répondu.",
        "not_found": "Je n'ai pas trouvé cela dans votre maison.",
        "cannot": "{names} ne peut pas faire cela.",
        "range": "{names} accepte des valeurs de {low} à {high}.",
        "later": "Je ne peux pas le faire plus tard ou sous condition, seulement maintenant.",
        "empty": "La liste est vide.",
        "or": "ou",
        "and": "et",
    },
    "es": {
        "which": "¿Cuál quieres decir: {names}?",
        "sure": "¿Seguro? Se trata de {names}.",
        "kept": "De acuerdo, lo dejo como está.",
        "no_answer": "{names} no ha respondido.",
        "not_found": "No lo he encontrado en tu casa.",
        "cannot": "{names} no puede hacer eso.",
        "range": "{names} admite valores de {low} a {high}.",
        "later": "No puedo hacerlo más tarde ni con una condición, solo ahora.",
        "empty": "La lista está vacía.",
        "or": "o",
        "and": "y",
    },
    "nl": {
        "which": "Welke bedoel je: {names}?",
        "sure": "Weet je het zeker? Het gaat om {names}.",
        "kept": "Goed, ik laat het zoals het is.",
        "no_answer": "{names} reageerde niet.",
        "not_found": "Dat kon ik niet vinden in je huis.",
        "cannot": "{names} kan dat niet.",
        "range": "{names} neemt waarden van {low} tot {high}.",
        "later": "Dat kan ik niet later of onder een voorwaarde doen, alleen nu.",
        "empty": "De lijst is leeg.",
        "or": "of",
        "and": "en",
    },
    "it": {
        "which": "Quale intendi: {names}?",
        "sure": "Sei sicuro? Si tratta di {names}.",
        "kept": "Va bene, lascio tutto com'è.",
        "no_answer": "{names} non ha risposto.",
        "not_found": "Non l'ho trovato in casa tua.",
        "cannot": "{names} non può farlo.",
        "range": "{names} accetta valori da {low} a {high}.",
        "later": "Non posso farlo più tardi o a una condizione, solo adesso.",
        "empty": "La lista è vuota.",
        "or": "o",
        "and": "e",
    },
    "pl": {
        "which": "O które chodzi: {names}?",
        "sure": "Na pewno? Chodzi o: {names}.",
        "kept": "Dobrze, zostawiam bez zmian.",
        "no_answer": "Brak odpowiedzi: {names}.",
        "not_found": "Nie znalazłem tego w domu.",
        "cannot": "{names}: to niemożliwe.",
        "range": "{names}: wartości od {low} do {high}.",
        "later": "Nie mogę tego zrobić później ani pod warunkiem, tylko teraz.",
        "empty": "Lista jest pusta.",
        "or": "czy",
        "and": "i",
    },
    "pt": {
        "which": "Qual quer dizer: {names}?",
        "sure": "Tem a certeza? Trata-se de {names}.",
        "kept": "Está bem, deixo como está.",
        "no_answer": "{names} não respondeu.",
        "not_found": "Não encontrei isso em sua casa.",
        "cannot": "{names} não pode fazer isso.",
        "range": "{names} aceita valores de {low} a {high}.",
        "later": "Não posso fazer isso mais tarde nem com uma condição, só agora.",
        "empty": "A lista está vazia.",
        "or": "ou",
        "and": "e",
    },
}


def phrase(language: str, key: str, **values: object) -> str:
    """Return one of our own sentences in a language, in English where it has none."""
    texts = _PHRASES.get(language.split("-")[0], _PHRASES["en"])
    return texts.get(key, _PHRASES["en"][key]).format(**values)


def listing(names: list[str], language: str, last: str) -> str:
    """Return names as people list them: `A, B or C`; `last` is `and` or `or`."""
    word = phrase(language, last)
    return f" {word} ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""
