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
    kv_bytes: int
    """Bytes of memory for each token of the context window, at 16 bits."""
    tools: bool
    thinking: bool
    vision: bool
    licence: str
    languages: str
    why: str
    """What it is good for, as a sentence."""


_MANY = "more than 100 languages"
_EIGHT = "English, German, French, Italian, Portuguese, Hindi, Spanish, Thai"

CATALOGUE: tuple[Known, ...] = (
    Known(
        "smollm2:135m", 271_000_000, 0.135e9, 2 * 30 * 3 * 64 * 2, True, False, False,
        "Apache 2.0", "English",
        "For trying things out on the smallest machines: commands only, no conversation.",
    ),
    Known(
        "qwen3:0.6b", 523_000_000, 0.752e9, 2 * 28 * 8 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "Commands on old and small machines; it knows little else.",
    ),
    Known(
        "llama3.2:1b", 1_300_000_000, 1.24e9, 2 * 16 * 8 * 64 * 2, True, False, False,
        "Llama 3.2 Community", _EIGHT,
        "Fast answers with little memory for a long context window.",
    ),
    Known(
        "qwen3:1.7b", 1_400_000_000, 2.03e9, 2 * 28 * 8 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "The best choice for a Raspberry Pi 5 and small PCs.",
    ),
    Known(
        "llama3.2:3b", 2_000_000_000, 3.21e9, 2 * 28 * 8 * 128 * 2, True, False, False,
        "Llama 3.2 Community", _EIGHT,
        "Pleasant conversation on a PC with 8 GB.",
    ),
    Known(
        "qwen3:4b-instruct", 2_500_000_000, 4.02e9, 2 * 36 * 8 * 128 * 2, True, False, False,
        "Apache 2.0", _MANY,
        "The best choice for a PC with 8 GB: it understands nearly everything said to a house.",
    ),
    Known(
        "qwen3.5:4b", 3_400_000_000, 4.66e9, 2 * 8 * 4 * 256 * 2, True, True, True,
        "Apache 2.0", _MANY,
        "For 16 GB or a graphics card: it also sees pictures. Its prompts are kept less well.",
    ),
    Known(
        "qwen3:8b", 5_200_000_000, 8.19e9, 2 * 36 * 8 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "For a graphics card with 8 GB: it calls Home Assistant's tools by itself.",
    ),
    Known(
        "qwen3:14b", 9_300_000_000, 14.8e9, 2 * 40 * 8 * 128 * 2, True, True, False,
        "Apache 2.0", _MANY,
        "For a graphics card with 12 GB or more.",
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
