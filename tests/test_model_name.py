import pytest

from ollama_addon.model_name import canonical, is_valid


@pytest.mark.parametrize(
    "name",
    [
        "qwen3:4b-instruct",
        "llama3.2",
        "_private",
        "someone/model:tag",
        "hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF:Q4_K_M",
        "registry.home:5000/library/qwen3:4b",
    ],
)
def test_names_that_ollama_takes(name: str) -> None:
    assert is_valid(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "two words",
        "../../etc/passwd",
        "/etc/passwd",
        "model/../other",
        ".hidden",
        "-rf",
        "model:",
        ":tag",
        "a/b/c/d",
        "http://example.org/library/model",
        "model\nX-Header: 1",
        "model\n",
        "model\0",
        "modèle",
        "model:tag@sha256:0",
        "m" * 81,
        "name.space/model",
    ],
)
def test_names_that_ollama_refuses(name: str) -> None:
    assert not is_valid(name)


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("Llama3.2", "llama3.2:latest"),
        ("library/llama3.2", "llama3.2:latest"),
        ("registry.ollama.ai/library/llama3.2:1b", "llama3.2:1b"),
        ("Someone/Model:Tag", "someone/model:tag"),
        ("hf.co/library/model", "hf.co/library/model:latest"),
        ("not a name", "not a name"),
    ],
)
def test_one_spelling_of_a_model(name: str, same: str) -> None:
    assert canonical(name) == same
    assert canonical(same) == same
