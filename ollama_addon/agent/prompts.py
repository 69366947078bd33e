"""The unchanging parts of an agent's prompts, made once for a house and its instructions."""

from __future__ import annotations

from ollama_addon.agent.strategies import prefix
from ollama_addon.agent.strategies.labels import Labels
from ollama_addon.agent.strategies.phrases import Phrases
from ollama_addon.agent.strategies.prefix import LeftOut, Prefix
from ollama_addon.agent.strategies.token_rates import TokenRates
from ollama_addon.home.model import House
from ollama_addon.options import AgentOptions

RESERVE = 1200
"""Tokens of the context window kept for the newest message and the answer."""
_TOOLS = 0.4
"""Share of the context window that tools may take."""
_SHARE = 0.8
"""Share of the rest that the prefix may take; the other part is the conversation's."""


class Prompts:
    """Makes prefixes and phrases, and keeps those of the house as it is."""

    def __init__(self, options: AgentOptions) -> None:
        self._options = options
        self.rates = TokenRates()
        self._phrases: Phrases | None = None
        self._prefixes: dict[str, tuple[House, str, Prefix]] = {}

    def phrases(self, house: House) -> Phrases:
        """Return all phrases of a house."""
        if self._phrases is None or self._phrases.house is not house:
            self._phrases = Phrases(house)
        return self._phrases

    def labels(self, house: House) -> Labels:
        """Return what things are called to a model."""
        return self.phrases(house).labels

    def structured(self, house: House, instructions: str) -> Prefix:
        """Return the system prompt of the structured form."""
        return self._made("structured", house, instructions)

    def native(self, house: House, instructions: str, tools: int = 0) -> Prefix:
        """Return the system prompt beside `tools` tokens of tools."""
        return self._made("native", house, instructions, tools)

    @property
    def left_out(self) -> LeftOut:
        """What of the house did not fit when prefixes were made last."""
        found = {prefix.left_out for _, _, prefix in self._prefixes.values()}
        return "entities" if "entities" in found else "sensors" if "sensors" in found else ""

    def tokens(self, text: str) -> int:
        """Return about how many tokens a text has for this agent's model."""
        return self.rates.tokens(text)

    def tools_fit(self, text: str) -> bool:
        """Tell whether the text of tools leaves enough of the context window to the rest."""
        window = self._options.context_window - RESERVE
        return self.rates.tokens(text) <= int(window * _TOOLS)

    def _made(self, kind: str, house: House, instructions: str, taken: int = 0) -> Prefix:
        made = self._prefixes.get(kind)
        if made is not None and made[0] is house and made[1] == instructions:
            return made[2]
        budget = int((self._options.context_window - RESERVE) * _SHARE) - taken

        def fits(text: str) -> bool:
            return self.rates.tokens(text) <= budget

        make = prefix.structured if kind == "structured" else prefix.native
        found = make(self.labels(house), instructions, fits)
        self._prefixes[kind] = (house, instructions, found)
        return found
