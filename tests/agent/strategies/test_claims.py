"""What claims that something was done, in every language that is spoken."""

from __future__ import annotations

import pytest

from ollama_addon.agent.strategies.claims import Honest, claims, honest, sentences

CLAIMS = {
    "en": ["I have turned on the kitchen light for you.", "I've just locked the door.",
           "The light has been turned off.", "Turning off the TV.", "Done.", "Okay, turned it on.",
           "The blinds are now closed.", "I turned off the freezer.", "I’ll turn… I'm dimming it."],
    "de": ["Ich habe das Licht eingeschaltet.", "Das Licht wurde ausgeschaltet.",
           "Das Licht ist jetzt an.", "Ich schalte das Licht an.", "Erledigt."],
    "fr": ["J'ai allumé la lumière.", "La porte a été verrouillée.", "C'est fait."],
    "es": ["He encendido la luz.", "La puerta se ha cerrado.", "Listo."],
    "it": ["Ho acceso la luce.", "La porta è stata chiusa.", "Fatto."],
    "nl": ["Ik heb het licht aangezet.", "Het licht is nu uit.", "Geregeld."],
    "pl": ["Włączyłem światło.", "Światło zostało wyłączone.", "Gotowe."],
    "pt": ["Liguei a luz.", "A luz foi desligada.", "Feito."],
    "sv": ["Jag har tänt lampan.", "Lampan är nu släckt."],
    "da": ["Jeg har tændt lyset.", "Lyset er nu slukket."],
    "nb": ["Jeg har slått på lyset.", "Lyset er nå av."],
    "cs": ["Zapnul jsem světlo.", "Světlo bylo vypnuto.", "Hotovo."],
    "zh": ["已打开厨房灯。", "厨房灯已经关闭。", "我把灯打开了。"],
    "ja": ["キッチンの照明をつけました。", "電気を消しました。"],
}  # fmt: skip
STATES = {
    "en": ["It is on.", "The light is already on.", "Which light do you mean?",
           "There is no garden in your home.", "Shall I turn it on?", "It is 21 degrees.",
           "I can turn on lights and set the heating.", "The set temperature is 21."],
    "de": ["Das Licht ist an.", "Welche Lampe meinst du?", "Es sind 21 Grad.",
           "Soll ich das Licht einschalten?"],
    "fr": ["La lumière est allumée.", "Quelle lampe ?", "Il fait 21 degrés."],
    "es": ["La luz está encendida.", "¿Cuál luz?", "Hace 21 grados."],
    "it": ["La luce è accesa.", "Quale luce?"],
    "nl": ["Het licht is aan.", "Welke lamp bedoel je?"],
    "pl": ["Światło jest włączone.", "Które światło?"],
    "pt": ["A luz está ligada.", "Qual luz?"],
    "sv": ["Lampan är tänd.", "Vilken lampa?"],
    "da": ["Lyset er tændt.", "Hvilken lampe?"],
    "nb": ["Lyset er på.", "Hvilken lampe?"],
    "cs": ["Světlo je zapnuté.", "Které světlo?"],
    "zh": ["厨房灯是开着的。", "哪一盏灯？"],
    "ja": ["照明はついています。", "どの照明ですか？"],
}  # fmt: skip


@pytest.mark.parametrize(("tag", "said"), [(t, s) for t, many in CLAIMS.items() for s in many])
def test_claims_are_recognised(tag: str, said: str) -> None:
    assert claims(said, tag)


@pytest.mark.parametrize(("tag", "said"), [(t, s) for t, many in STATES.items() for s in many])
def test_states_and_questions_are_none(tag: str, said: str) -> None:
    assert not claims(said, tag)


def test_only_the_claim_is_left_out() -> None:
    text = "It is 21.5 degrees. I have turned on the heating! Anything else?"
    assert [each.strip() for each in sentences(text)] == [
        "It is 21.5 degrees.",
        "I have turned on the heating!",
        "Anything else?",
    ]
    assert honest(text, "en") == "It is 21.5 degrees. Anything else?"


def test_what_claims_is_kept_back_while_the_rest_is_spoken() -> None:
    for size in (1, 3, 200):
        reply = "It is 21.5 degrees. I have turned on the heating! Anything else?"
        read = Honest("en")
        said = "".join([read.feed(reply[at : at + size]) for at in range(0, len(reply), size)])
        assert said + read.finish() == "It is 21.5 degrees. Anything else?"
        assert read.withheld.strip() == "I have turned on the heating!"
