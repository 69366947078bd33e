"""What the real Supervisor makes of options, held against the simulated one."""

from __future__ import annotations

import pytest

from dev.supervisor.options import InvalidOptions, merge, validate


class TestOptions:
    @pytest.mark.parametrize(
        ("kind", "value", "becomes"),
        [
            ("str", "a", "a"),
            ("password", "secret", "secret"),
            ("int", "5", 5),
            ("int(-1,)", -1, -1),
            ("float(0,1)", "0.5", 0.5),
            ("bool", "on", True),
            ("bool", 0, False),
            ("port", 8099, 8099),
            ("url", "http://host:1/", "http://host:1/"),
            ("email", "a@b.de", "a@b.de"),
            ("match(^a+$)", "aa", "aa"),
            ("list(auto|1)", 1, "1"),
            ("device(subsystem=drm)", "/dev/dri/card0", "/dev/dri/card0"),
            ("str?", "a", "a"),
        ],
    )
    def test_fits(self, kind: str, value: object, becomes: object) -> None:
        assert validate({"option": kind}, {"option": value}) == {"option": becomes}

    @pytest.mark.parametrize(
        ("kind", "value"),
        [
            ("str", 5),
            ("str(2,3)", "a"),
            ("str(,3)", "abcd"),
            ("int", "five"),
            ("int", []),
            ("int(2048,)", 2047),
            ("float(0,2)", 2.1),
            ("bool", "maybe"),
            ("port", 65536),
            ("url", "host"),
            ("url", 5),
            ("email", "a"),
            ("match(^a+$)", "b"),
            ("list(a|b)", "c"),
            ("str?", None),
            (["str"], "a"),
            ([{"a": "str"}], [{}]),
            ({"a": "str"}, []),
            ("text", "a"),
        ],
    )
    def test_does_not_fit(self, kind: object, value: object) -> None:
        with pytest.raises(InvalidOptions, match=r"option|type"):
            validate({"option": kind}, {"option": value})

    def test_what_may_be_missing(self) -> None:
        assert validate({"a": "str?", "b": ["str?"]}, {}) == {}
        for kind in ("str", ["str"], [{"a": "str?"}], {"a": "str?"}):
            with pytest.raises(InvalidOptions, match="Missing option 'a'"):
                validate({"a": kind}, {})

    def test_users_options_lie_over_the_defaults(self) -> None:
        defaults = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
        assert merge(defaults, {"a": {"b": 3}, "d": [4]}) == {"a": {"b": 3, "c": 2}, "d": [4]}
        assert defaults == {"a": {"b": 1, "c": 2}, "d": [1, 2]}
