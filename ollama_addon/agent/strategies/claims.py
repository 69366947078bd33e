"""Sentences that claim something was done: never spoken where it was not.

A model that has done nothing may still say "I have turned on the light". What such a sentence
looks like is told by a few forms a language; a sentence that only tells a state is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from ollama_addon.agent.strategies.speech import clean

_DONE = {
    "en": r"turn(?:ed|ing)|switch(?:ed|ing)|set(?:ting)?|open(?:ed|ing)|clos(?:ed|ing)|shut|"
    r"(?:un)?lock(?:ed|ing)|dimm(?:ed|ing)|brighten(?:ed|ing)|start(?:ed|ing)|stopp(?:ed|ing)|"
    r"paus(?:ed|ing)|play(?:ed|ing)|resum(?:ed|ing)|(?:un)?mut(?:ed|ing)|rais(?:ed|ing)|"
    r"lower(?:ed|ing)|add(?:ed|ing)|remov(?:ed|ing)|delet(?:ed|ing)|(?:de)?activat(?:ed|ing)|"
    r"adjust(?:ed|ing)|chang(?:ed|ing)|increas(?:ed|ing)|decreas(?:ed|ing)|reduc(?:ed|ing)|"
    r"announc(?:ed|ing)|(?:dis)?arm(?:ed|ing)|sent|put|made|enabled|disabled|done|taken care",
    "de": r"\w*geschaltet|\w*gemacht|geöffnet|geschlossen|\w*gesperrt|\w*gestellt|gesetzt|"
    r"\w*gedimmt|gestartet|gestoppt|angehalten|pausiert|\w*gedreht|\w*gefahren|hinzugefügt|"
    r"entfernt|gelöscht|aktiviert|deaktiviert|erhöht|gesenkt|verringert|\w*riegelt|eingestellt|"
    r"angepasst|geändert|erledigt|stummgeschaltet|abgespielt|geschrieben|durchgesagt",
    "fr": r"allumée?s?|éteinte?s?|ouverte?s?|fermée?s?|verrouillée?s?|déverrouillée?s?|réglée?s?|"
    r"mise?s?|baissée?s?|montée?s?|augmentée?s?|diminuée?s?|lancée?s?|démarrée?s?|arrêtée?s?|"
    r"ajoutée?s?|supprimée?s?|activée?s?|désactivée?s?|changée?s?|coupée?s?|tamisée?s?|annoncée?s?",
    "es": r"encendid[oa]s?|apagad[oa]s?|abiert[oa]s?|cerrad[oa]s?|bloquead[oa]s?|"
    r"desbloquead[oa]s?|puest[oa]s?|ajustad[oa]s?|subid[oa]s?|bajad[oa]s?|añadid[oa]s?|"
    r"agregad[oa]s?|quitad[oa]s?|eliminad[oa]s?|activad[oa]s?|desactivad[oa]s?|iniciad[oa]s?|"
    r"pausad[oa]s?|detenid[oa]s?|cambiad[oa]s?|silenciad[oa]s?|atenuad[oa]s?|hecho",
    "it": r"acces[oaie]|spent[oaie]|apert[oaie]|chius[oaie]|bloccat[oaie]|sbloccat[oaie]|"
    r"impostat[oaie]|mess[oaie]|alzat[oaie]|abbassat[oaie]|aggiunt[oaie]|rimoss[oaie]|"
    r"tolt[oaie]|attivat[oaie]|disattivat[oaie]|avviat[oaie]|ferma?t[oaie]|cambiat[oaie]|"
    r"aumentat[oaie]|diminuit[oaie]|regolat[oaie]|fatto",
    "nl": r"\w*gezet|\w*gedaan|geopend|gesloten|vergrendeld|ontgrendeld|\w*gedimd|gestart|gestopt|"
    r"gepauzeerd|\w*gedraaid|toegevoegd|verwijderd|geactiveerd|gedeactiveerd|ingesteld|aangepast|"
    r"verhoogd|verlaagd|veranderd|geregeld|\w*geschakeld",
    "pl": r"włączon[aeyo]|wyłączon[aeyo]|otwart[aeyo]|zamknięt[aeyo]|zablokowan[aeyo]|"
    r"odblokowan[aeyo]|ustawion[aeyo]|dodan[aeyo]|usunięt[aeyo]|gotowe|zrobione",
    "pt": r"ligad[oa]s?|desligad[oa]s?|acendid[oa]s?|aces[oa]s?|apagad[oa]s?|abert[oa]s?|"
    r"fechad[oa]s?|trancad[oa]s?|destrancad[oa]s?|definid[oa]s?|ajustad[oa]s?|adicionad[oa]s?|"
    r"removid[oa]s?|ativad[oa]s?|desativad[oa]s?|aumentad[oa]s?|diminuíd[oa]s?|feito",
    "sv": r"tänt|släckt|öppnat|stängt|låst|satt|ställt|lagt|startat|stoppat|pausat|höjt|sänkt|"
    r"dimmat|aktiverat|inaktiverat|slagit|ändrat|fixat|gjort",
    "da": r"tændt|slukket|åbnet|lukket|låst|sat|stillet|tilføjet|startet|stoppet|hævet|sænket|"
    r"dæmpet|aktiveret|deaktiveret|skruet|ændret|ordnet",
    "nb": r"slått|tent|slukket|åpnet|lukket|låst|satt|stilt|lagt|startet|stoppet|hevet|senket|"
    r"dempet|aktivert|deaktivert|skrudd|endret|fikset|gjort",
    "cs": r"zapnut[aoáéý]?|vypnut[aoáéý]?|rozsvícen[aoáéý]?|zhasnut[aoáéý]?|otevřen[aoáéý]?|"
    r"zavřen[aoáéý]?|zamčen[aoáéý]?|odemčen[aoáéý]?|nastaven[aoáéý]?|přidán[aoáéý]?|hotovo",
}
"""What was done, as participles."""

_FORMS = {
    "en": r"\b(?:i|we)(?:'ve|'m|'ll| have| am| will| just| already|)\b(?: \w+ly| just| already| now"
    r"| also| gone ahead and| been| be){{0,3}} (?:{0})\b"
    r"|\b(?:has|have|is being|are being) (?:now |just |already )*(?:been )?(?:{0})\b"
    r"|\b(?:is|are) now (?:on|off|open|closed|locked|unlocked|set|playing|paused|muted|\w+ed)\b"
    r"|^(?:okay|ok|sure|alright|done|great)?[,.! ]*(?:{0})\b(?! by\b)",
    "de": r"\b(?:habe?|haben|wurden?|wird|werden)\b.{{0,120}}\b(?:{0})\b"
    r"|\b(?:ist|sind) (?:jetzt|nun) .{{0,60}}\b(?:an|aus|auf|zu|offen|{0})\b"
    r"|\b(?:ich|wir) (?:schalte|mache|öffne|schließe|stelle|dimme|sperre|drehe|starte|fahre)n?\b"
    r"|^(?:ok|okay|alles klar)?[,.! ]*(?:erledigt|gemacht)\b",
    "fr": r"\b(?:j'ai|nous avons|on a|a été|ont été|est maintenant|sont maintenant|est désormais)"
    r"\b.{{0,60}}?\b(?:{0})\b|\bj'(?:allume|éteins|ouvre|ajoute|active|augmente)\b"
    r"|\bje (?:ferme|verrouille|règle|mets|baisse|monte|lance|coupe|diminue)\b|^c'est fait\b",
    "es": r"\b(?:he|hemos|ha sido|han sido|se ha|se han|ya está|ya están|está ahora)\b.{{0,60}}?"
    r"\b(?:{0})\b|^(?:listo|hecho)\b|^(?:enciendo|apago|abro|cierro|pongo|subo|bajo)\b",
    "it": r"\b(?:ho|abbiamo|è stat[oa]|sono stat[ie]|è ora|sono ora)\b.{{0,60}}?\b(?:{0})\b"
    r"|^fatto\b|^(?:accendo|spengo|apro|chiudo|imposto|metto|alzo|abbasso)\b",
    "nl": r"\b(?:heb|hebben|is|zijn|werd|wordt)\b.{{0,80}}\b(?:{0})\b"
    r"|\b(?:is|zijn) nu (?:aan|uit|open|dicht)\b|^(?:klaar|gedaan|geregeld)\b"
    r"|\bik (?:zet|doe|open|sluit|draai|schakel|dim|start)\b",
    "pl": r"\b(?:włączyłe?[am]|wyłączyłe?[am]|otworzyłe?[am]|zamknęła[m]|zamknąłem|ustawiłe?[am]|"
    r"dodałe?[am]|usunęłam|usunąłem|zgasiłe?[am]|zapaliłe?[am]|zablokowałe?[am])\w*"
    r"|\b(?:został\w*|jest teraz|są teraz)\b.{{0,40}}\b(?:{0})|^(?:gotowe|zrobione)\b"
    r"|^(?:włączam|wyłączam|otwieram|zamykam|ustawiam|dodaję)\b",
    "pt": r"\b(?:foi|foram|já está|está agora|tenho)\b.{{0,40}}\b(?:{0})\b"
    r"|\b(?:liguei|desliguei|acendi|apaguei|abri|fechei|tranquei|destranquei|defini|ajustei|"
    r"adicionei|removi|ativei|desativei|aumentei|baixei|diminuí|coloquei|pus)\b|^(?:feito|pronto)\b",
    "sv": r"\b(?:har|hade)\b.{{0,60}}\b(?:{0})\b"
    r"|\bär nu (?:på|av|tänd|släckt|öppen|stängd|låst)\w*"
    r"|\bjag (?:tänder|släcker|öppnar|stänger|låser|sätter)\b|^(?:klart|fixat)\b",
    "da": r"\b(?:har|er blevet)\b.{{0,60}}\b(?:{0})\b|\ber nu (?:tændt|slukket|åben|lukket|låst)\w*"
    r"|\bjeg (?:tænder|slukker|åbner|lukker|låser|sætter)\b|^(?:klaret|ordnet)\b",
    "nb": r"\b(?:har|er blitt)\b.{{0,60}}\b(?:{0})\b|\ber nå (?:på|av|åpen|lukket|låst)\w*"
    r"|\bjeg (?:slår|åpner|lukker|låser|setter|skrur)\b|^(?:ferdig|fikset)\b",
    "cs": r"\b(?:zapnul|vypnul|rozsvítil|zhasnul|zhasl|otevřel|zavřel|zamkl|odemkl|nastavil|"
    r"přidal|odebral)a? ?(?:jsem)?\b|\bjsem\b.{{0,30}}\b\w+l[a]?\b"
    r"|\b(?:byl[ayo]?|je nyní|je teď)\b.{{0,40}}\b(?:{0})\b|^hotovo\b",
    "zh": r"已(?:经)?.{{0,12}}(?:打开|关闭|关上|开启|设置|设为|调|锁|添加|启动|停止|暂停)"
    r"|(?:打开|关闭|关上|开|关|设置|调[高低亮暗]|锁上|添加|启动)[好完]?了|我(?:已|把).{{0,20}}了"
    r"|好了.{{0,3}}$|正在(?:打开|关闭|调|设置)",
    "ja": r"(?:つけ|消し|開け|閉め|オンにし|オフにし|設定し|ロックし|解除し|追加し|開始し|停止し|"
    r"再生し|上げ|下げ|変更し|暗くし|明るくし|点け)(?:まし|て(?:い|おき)?まし)?た|完了しました",
}
_SENTENCE = re.compile(r"[^.!?。！？…\n]*(?:\.(?=\d)[^.!?。！？…\n]*)*[.!?。！？…]*\s*|\n")


def claims(sentence: str, language: str) -> bool:
    """Tell whether a sentence claims that something was or is being done. A question does not."""
    plain = sentence.strip().casefold().replace("’", "'")
    if not plain or plain.endswith(("?", "？", "؟")):
        return False
    return any(form.search(plain) for form in _compiled(language.split("-")[0]))


def sentences(text: str) -> Iterator[str]:
    """Yield the sentences of a text, each with what ends it."""
    position = 0
    while position < len(text):
        match = _SENTENCE.match(text, position)
        end = match.end() if match and match.end() > position else position + 1
        yield text[position:end]
        position = end


def honest(text: str, language: str) -> str:
    """Return a text without the sentences that claim something was done."""
    return "".join(each for each in sentences(text) if not claims(each, language)).strip()


class Honest:
    """Takes words as they come, gives whole sentences; those that claim something are kept back.

    However the words are cut into pieces, what comes out is the same.
    """

    def __init__(self, language: str) -> None:
        self.withheld = ""
        """Sentences that claim that something was done, to be said once it was."""
        self._language = language
        self._sentence = ""
        self._said = False

    def feed(self, words: str) -> str:
        """Take some words, return the sentences that are whole."""
        self._sentence += words
        whole = list(sentences(self._sentence))
        # The last one may go on: "21." may become "21.5".
        self._sentence = whole.pop() if whole else ""
        return self._give(whole)

    def finish(self) -> str:
        """Return what is left; the reply is over."""
        whole, self._sentence = list(sentences(self._sentence)), ""
        return self._give(whole)

    def _give(self, whole: list[str]) -> str:
        given = ""
        for sentence in whole:
            if claims(sentence, self._language):
                self.withheld += sentence
            elif spoken := clean(sentence):
                given += f" {spoken}" if self._said else spoken
                self._said = True
        return given


@lru_cache(32)
def _compiled(language: str) -> tuple[re.Pattern[str], ...]:
    """Return the forms of a language, and those of English, in which models often answer."""
    tags = dict.fromkeys((language if language in _FORMS else "en", "en"))
    return tuple(re.compile(_FORMS[tag].format(_DONE.get(tag, ""))) for tag in tags)
