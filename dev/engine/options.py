"""The ``options`` of a request, with Ollama's defaults."""

import logging
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from dev.engine.errors import EngineError

_LOGGER = logging.getLogger(__name__)


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) else value


Integer = Annotated[int, BeforeValidator(_whole), Field(strict=True)]
Number = Annotated[float, Field(strict=True)]

_RUNNER = ("num_ctx", "num_batch", "num_thread", "num_gpu", "main_gpu", "use_mmap")
_SAMPLING = (
    "seed",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repeat_last_n",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
    "stop",
)
#: What Ollama calls the type that a value should have had, by pydantic's name of the problem.
_TYPES = {
    "int_type": "integer",
    "float_type": "float32",
    "bool_type": "boolean",
    "list_type": "array",
    "string_type": "an array of strings",
}


class Options(BaseModel):
    """How a model is loaded (the first six) and how it writes (the others)."""

    num_ctx: Integer = 4096
    num_batch: Integer = 512
    num_thread: Integer = 0
    num_gpu: Integer = -1
    main_gpu: Integer | None = None
    use_mmap: bool | None = Field(None, strict=True)

    num_keep: Integer = 4
    num_predict: Integer = -1
    seed: Integer = -1
    temperature: Number = 0.8
    top_k: Integer = 40
    top_p: Number = 0.9
    min_p: Number = 0.0
    typical_p: Number = 1.0
    repeat_last_n: Integer = 64
    repeat_penalty: Number = 1.0
    presence_penalty: Number = 0.0
    frequency_penalty: Number = 0.0
    stop: list[str] = []

    @classmethod
    def merge(cls, *layers: Mapping[str, Any]) -> "Options":
        """Merge options, the later ones over the earlier; unknown names are logged and left out.

        Raises EngineError 500, as Ollama does, when a value is of the wrong type.
        """
        merged: dict[str, Any] = {}
        for layer in layers:
            merged |= {name: value for name, value in layer.items() if value is not None}
        for name in merged.keys() - cls.model_fields.keys():
            _LOGGER.warning("invalid option provided: %s", name)
            del merged[name]
        try:
            return cls.model_validate(merged)
        except ValidationError as err:
            problem = err.errors()[0]
            wanted = _TYPES.get(problem["type"], "another one")
            raise EngineError(
                500, f'option "{problem["loc"][0]}" must be of type {wanted}'
            ) from None

    def runner(self, trained_context: int, *, shift: bool) -> dict[str, Any]:
        """Return what a model is loaded with; another value of any of these loads it anew.

        `shift`, a field of its own in requests, is one of them.
        """
        runner = self.model_dump(include=set(_RUNNER))
        runner["num_ctx"] = max(4, min(self.num_ctx, trained_context))
        runner["num_batch"] = max(2, self.num_batch)  # llama.cpp ends itself at 1
        runner["num_thread"] = max(0, self.num_thread)
        return runner | {"shift": shift}

    def sampling(self, num_ctx: int) -> dict[str, Any]:
        """Return what goes with each request to llama.cpp.

        Open-ended generation is bounded by ten context windows.
        """
        limit = 10 * num_ctx
        sampling = self.model_dump(include=set(_SAMPLING))
        sampling["n_keep"] = self.num_keep
        sampling["n_predict"] = self.num_predict if 0 <= self.num_predict <= limit else limit
        return sampling
