"""How models write calls of tools and thoughts into their text: one entry a format.

A new format is one more entry with its examples, which the tests read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

from ollama_addon.agent.strategies.call_readers import (
    Raw,
    addressed_calls,
    gemma_calls,
    json_calls,
    keyed_calls,
    named_calls,
    python_calls,
    sectioned_calls,
    tagged_calls,
)

_MOST = 64
"""Calls of one part that are looked at."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way of writing something that is not spoken."""

    name: str
    opens: tuple[str, ...]
    closes: tuple[str, ...]
    """What ends it; nothing but the end of the answer where there is none."""
    read: Callable[[str], Iterator[Raw]] | None = None
    """Yields the calls in it; None for thoughts and the like."""
    examples: tuple[str, ...] = ()
    """Each turns on the thing called "Kitchen light" with `HassTurnOn`."""


_JSON = '{"name": "HassTurnOn", "arguments": {"name": "Kitchen light"}}'

THOUGHTS = (
    Format(
        "thoughts",
        ("<think>", "<thinking>", "<thought>", "<reasoning>", "<reflection>"),
        ("</think>", "</thinking>", "</thought>", "</reasoning>", "</reflection>"),
    ),
    Format("thoughts of Magistral", ("[THINK]",), ("[/THINK]",)),
    Format("thoughts of Command", ("<|START_THINKING|>",), ("<|END_THINKING|>",)),
    Format("thoughts of Gemma", ("<|channel>",), ("<channel|>",)),
    Format("thoughts of Seed", ("<seed:think>",), ("</seed:think>",)),
)

CALLS = (
    Format("tagged JSON", ("<tool_call>", "<toolcall>", "<tool_calls>", "<|tool_call|>"),
           ("</tool_call>", "</toolcall>", "</tool_calls>", "<|/tool_call|>"), json_calls,
           (f"<tool_call>\n{_JSON}\n</tool_call>", f"<tool_call>{_JSON}",
            '<tool_call>HassTurnOn\n<arg_key>name</arg_key>\n<arg_value>Kitchen light</arg_value>'
            "\n</tool_call>",
            "<tool_call>\n<function=HassTurnOn>\n<parameter=name>\nKitchen light\n</parameter>\n"
            "</function>\n</tool_call>")),
    Format("function call", ("<functioncall>", "<function_call>", "<tool_code>", "<|tool_code|>"),
           ("</functioncall>", "</function_call>", "</tool_code>", "<|endoftext|>"), json_calls,
           (f"<functioncall> {_JSON}", f"<functioncall> {_JSON} </functioncall>",
            '<functioncall> {"name": "HassTurnOn", "arguments": '
            "'{\"name\": \"Kitchen light\"}'} <|endoftext|>")),
    Format("function tag", ("<function=",), ("</function>",), tagged_calls,
           ('<function=HassTurnOn>{"name": "Kitchen light"}</function>',
            "<function=HassTurnOn><parameter=name>Kitchen light</parameter></function>")),
    Format("invoke", ("<function_calls>", "<invoke name=", "<minimax:tool_call>"),
           ("</function_calls>", "</invoke>", "</minimax:tool_call>"), tagged_calls,
           ('<invoke name="HassTurnOn"><parameter name="name">Kitchen light</parameter></invoke>',
            '<function_calls>\n<invoke name="HassTurnOn">\n<parameter name="name">Kitchen light'
            "</parameter>\n</invoke>\n</function_calls>")),
    Format("Mistral", ("[TOOL_CALLS]",), ("\n\n", "[/TOOL_CALLS]", "</s>"), named_calls,
           (f"[TOOL_CALLS] [{_JSON}]", f"[TOOL_CALLS][{_JSON}]</s>",
            '[TOOL_CALLS]HassTurnOn[ARGS]{"name": "Kitchen light"}',
            '[TOOL_CALLS]HassTurnOn[CALL_ID]abc123def[ARGS]{"name": "Kitchen light"}',
            '[TOOL_CALLS]HassTurnOn{"name": "Kitchen light"}</s>')),
    Format("DeepSeek", ("<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>", "<|tool_calls_begin|>",
                        "<|tool_calls_section_begin|>"),
           ("<｜tool▁calls▁end｜>", "<|tool_calls_end|>", "<|tool_calls_section_end|>"),
           sectioned_calls,
           ("<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>HassTurnOn\n```json\n"
            '{"name": "Kitchen light"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
            "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>HassTurnOn<｜tool▁sep｜>"
            '{"name": "Kitchen light"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
            "<|tool_calls_section_begin|><|tool_call_begin|>functions.HassTurnOn:0"
            '<|tool_call_argument_begin|>{"name": "Kitchen light"}<|tool_call_end|>'
            "<|tool_calls_section_end|>")),
    Format("Gemma 4", ("<|tool_call>",), ("<tool_call|>",), gemma_calls,
           ('<|tool_call>call:HassTurnOn{name:<|"|>Kitchen light<|"|>}<tool_call|>',)),
    Format("Python of Llama", ("<|python_tag|>",), ("\n\n", "<|eom_id|>", "<|eot_id|>"), None,
           ('<|python_tag|>{"name": "HassTurnOn", "parameters": {"name": "Kitchen light"}}',
            '<|python_tag|>HassTurnOn(name="Kitchen light")<|eom_id|>')),
    Format("action of Command", ("<|START_ACTION|>",), ("<|END_ACTION|>",), json_calls,
           ('<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "HassTurnOn", "parameters": '
            '{"name": "Kitchen light"}}]<|END_ACTION|>',)),
    Format("header without its marks", ("assistantcommentary to=", "commentary to="), ("\n\n",),
           addressed_calls,
           ('commentary to=functions.HassTurnOn json{"name": "Kitchen light"}',)),
    Format("fence", ("```",), ("```",), None,
           (f"```json\n{_JSON}\n```", '```tool_code\nHassTurnOn(name="Kitchen light")\n```',
            f"```\n[{_JSON}]\n```",
            '```python\nprint(default_api.HassTurnOn(name="Kitchen light"))\n```')),
)  # fmt: skip

RESULTS = (
    Format("results", ("<tool_response>", "<tool_result>", "<function_results>"),
           ("</tool_response>", "</tool_result>", "</function_results>")),
    Format("the next turn", ("<start_of_turn>user", "<|start_header_id|>user", "<|im_start|>user",
                             "<|user|>", "<|im_start|>tool", "<｜User｜>"), ()),
)  # fmt: skip

HARMONY = Format("harmony", ("<|start|>", "<|channel|>"), ("<|end|>", "<|call|>", "<|return|>"),
                 addressed_calls,
                 ('<|channel|>commentary to=functions.HassTurnOn <|constrain|>json<|message|>'
                  '{"name": "Kitchen light"}<|call|>',
                  "<|channel|>analysis<|message|>Use function.<|end|><|start|>assistant<|channel|>"
                  "commentary to=functions.HassTurnOn <|constrain|>json<|message|>"
                  '{"name":"Kitchen light"}<|call|>',
                  "<|start|>assistant to=functions.HassTurnOn<|channel|>commentary json<|message|>"
                  '{"name":"Kitchen light"}'))  # fmt: skip
"""OpenAI's form: its header tells what follows, thoughts, a call or words."""

BARE = Format("bare", (), (), None,
              (_JSON, f"[{_JSON}]", _JSON.replace("arguments", "parameters"),
               '{"function": {"name": "HassTurnOn", '
               '"arguments": "{\\"name\\": \\"Kitchen light\\"}"}}',
               '{"tool_calls": [{"function": {"name": "HassTurnOn", "arguments": '
               '{"name": "Kitchen light"}}}]}',
               '{"function": "HassTurnOn", "parameters": {"name": "Kitchen light"}}',
               "{'name': 'HassTurnOn', 'arguments': {'name': 'Kitchen light'},}",
               '{"name": "HassTurnOn", "arguments": {"name": "Kitchen light"',
               '[HassTurnOn(name="Kitchen light")]', 'HassTurnOn(name="Kitchen light")',
               "functions.HassTurnOn({'name': 'Kitchen light',})",
               'intent__HassTurnOn(name="Kitchen light")'))  # fmt: skip
"""What stands in the text without any mark."""

FORMATS = (*THOUGHTS, *CALLS, *RESULTS, HARMONY, BARE)

_READERS: tuple[tuple[str, Callable[[str], Iterator[Raw]]], ...] = (
    ("<function=", tagged_calls),
    ("invoke name=", tagged_calls),
    ("<arg_key>", keyed_calls),
    ("[TOOL_CALLS]", named_calls),
    ("to=", addressed_calls),
    ("tool_call_begin", sectioned_calls),
    ("tool▁call▁begin", sectioned_calls),
    ("call:", gemma_calls),
    ("{", json_calls),
    ("(", python_calls),
)
"""What else may stand in a part, told by a mark: models mix the forms of others."""


def read_calls(text: str, form: Format, known: Callable[[str], str | None]) -> list[Raw]:
    """Return the calls of known tools in a part that is not spoken, as its own format reads them.

    `known` gives the tool that a written name means, None for no tool. Where its own format
    finds none, the others are tried.
    """
    readers = [form.read] if form.read else []
    readers += [read for mark, read in _READERS if mark in text and read is not form.read]
    for read in readers:
        found = [
            (tool, given) for name, given in islice(read(text), _MOST) if (tool := known(name))
        ]
        if found:
            return found
    return []
