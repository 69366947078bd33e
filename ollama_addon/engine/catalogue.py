"""Models that suit a house, and what each of them needs: the one table of them.

Sizes are those of the files in Ollama's library in November 2026. `kv_bytes` follows from each
architecture: 2 (key, value) × layers with full attention × key-value heads × head size × 2 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """A model of Ollama's library."""

    name: str
    size: int
    """Bytes to download, and about as many in memory."""
    parameters: float
    """Weights."""
    active: float
    """Weights that each token goes through: fewer where a model is a mixture of experts."""
    kv_bytes: int
    """Bytes of memory for each token of the context window, at 16 bits."""
    tools: bool
    thinking: bool
    vision: bool
    licence: str
    languages: tuple[str, ...]
    """Codes of those that it was made for; empty for more than a hundred."""
    why: str
    """What it is good for, as a sentence."""
    trial: bool = False
    """Whether it is there to try things out, and never suggested."""

    def knows(self, language: str) -> bool:
        """Tell whether it was made for a language, given by its code."""
        return not self.languages or language.partition("-")[0].lower() in self.languages

    @property
    def language_names(self) -> str:
        """The languages that it was made for, in words."""
        return ", ".join(_NAMES[code] for code in self.languages) or "more than 100 languages"


_NAMES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "it": "Italian",
    "pt": "Portuguese",
    "hi": "Hindi",
    "es": "Spanish",
    "th": "Thai",
}
_MANY: tuple[str, ...] = ()
_EIGHT = tuple(_NAMES)

CATALOGUE: tuple[Known, ...] = (
    Known(
        "smollm2:135m", 271_000_000, 0.135e9, 0.135e9, 2 * 30 * 3 * 64 * 2, True, False, False,
        "Apache 2.0", ("en",),
        "For trying things out on the smallest machines: commands only, no conversation.",
        trial=True,
    ),
    Known(
        "qwen3:0.6b", 523_000_000, 0.752e9, 0.752e9, 2 * 28 * 8 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "Commands on old and small machines; it knows little else.",
    ),
    Known(
        "gemma3:1b", 815_000_000, 1.0e9, 1.0e9, 2 * 4 * 1 * 256 * 2, False, False, False,
        "Gemma", _MANY,
        "Short conversation in many languages with very little memory.",
    ),
    Known(
        "llama3.2:1b", 1_300_000_000, 1.24e9, 1.24e9, 2 * 16 * 8 * 64 * 2, True, False, False,
        "Llama 3.2 Community", _EIGHT,
        "Fast answers with little memory for a long context window.",
    ),
    Known(
        "qwen3:1.7b", 1_400_000_000, 2.03e9, 2.03e9, 2 * 28 * 8 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "The best choice for a Raspberry Pi 5 and small PCs.",
    ),
    Known(
        "llama3.2:3b", 2_000_000_000, 3.21e9, 3.21e9, 2 * 28 * 8 * 128 * 2, True, False, False,
        "Llama 3.2 Community", _EIGHT,
        "Pleasant conversation on a PC with 8 GB.",
    ),
    Known(
        "qwen3:4b-instruct", 2_500_000_000, 4.02e9, 4.02e9, 2 * 36 * 8 * 128 * 2, True, False,
        False, "Apache 2.0", _MANY,
        "The best choice for a PC with 8 GB: it understands nearly everything said to a house.",
    ),
    Known(
        "gemma3:4b", 3_300_000_000, 4.3e9, 4.3e9, 2 * 6 * 4 * 256 * 2, False, False, True,
        "Gemma", _MANY,
        "Conversation and pictures in many languages; it cannot call tools by itself.",
    ),
    Known(
        "qwen3.5:4b", 3_400_000_000, 4.66e9, 4.66e9, 2 * 8 * 4 * 256 * 2, True, True, True,
        "Apache 2.0", _MANY,
        "For 16 GB or a graphics card: it also sees pictures. Its prompts are kept less well.",
    ),
    Known(
        "qwen3:8b", 5_200_000_000, 8.19e9, 8.19e9, 2 * 36 * 8 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "For a graphics card with 8 GB: it calls Home Assistant's tools by itself.",
    ),
    Known(
        "gemma3:12b", 8_100_000_000, 12.2e9, 12.2e9, 2 * 8 * 8 * 256 * 2, False, False, True,
        "Gemma", _MANY,
        "For a graphics card with 12 GB: pictures and good conversation in many languages.",
    ),
    Known(
        "qwen3:14b", 9_300_000_000, 14.8e9, 14.8e9, 2 * 40 * 8 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "For a graphics card with 12 GB or more.",
    ),
    Known(
        "gpt-oss:20b", 13_800_000_000, 20.9e9, 3.6e9, 2 * 12 * 8 * 64 * 2, True, True, False,
        "Apache 2.0", _EIGHT,
        "For a graphics card with 16 GB or a PC with 32 GB: quick for its size.",
    ),
    Known(
        "qwen3:30b", 18_600_000_000, 30.5e9, 3.3e9, 2 * 48 * 4 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "For a graphics card with 24 GB: the most able one here, and quick for its size.",
    ),
)  # fmt: skip

LIBRARY: tuple[str, ...] = (
    *(known.name for known in CATALOGUE),
    *("deepseek-r1:1.5b", "deepseek-r1:7b", "deepseek-r1:8b", "functiongemma:270m"),
    *("gemma3:270m", "gemma3:1b", "gemma3:4b", "gemma3:12b", "gemma3:27b"),
    *("gemma3n:e2b", "gemma3n:e4b", "gemma4:12b", "gpt-oss:20b", "granite4:350m", "granite4:1b"),
    *("granite4:3b", "llama3.1:8b", "llama3.2:1b", "llama3.2:3b", "llama3.2-vision:11b"),
    *("mistral:7b", "mistral-nemo:12b", "ministral-3:3b", "ministral-3:8b", "phi4:14b"),
    *("phi4-mini:3.8b", "qwen2.5:0.5b", "qwen2.5:1.5b", "qwen2.5:3b", "qwen2.5:7b"),
    *("qwen2.5vl:3b", "qwen2.5vl:7b", "qwen3:30b", "qwen3:32b", "qwen3-vl:2b", "qwen3-vl:4b"),
    *("qwen3-vl:8b", "qwen3.5:0.8b", "qwen3.5:2b", "qwen3.5:9b", "smollm2:360m"),
    *("smollm2:1.7b", "lfm2.5-thinking:1.2b", "nomic-embed-text:latest", "embeddinggemma:300m"),
)
"""Names of Ollama's library that people mean when they mistype one."""
