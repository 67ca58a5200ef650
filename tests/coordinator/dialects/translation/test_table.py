"""Every entry of the table has its cases, and does what they say; nothing is dropped in silence."""

import inspect
import re
from typing import Any

import msgspec
import ollama._types as ollama_types
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params

from coordinator.dialects.translation.rules import (
    Answered,
    Inert,
    Mapped,
    Ours,
    Passed,
    Refused,
    Satisfied,
    Source,
    Spread,
    translated,
)
from coordinator.dialects.translation.table import FOLDED, FROM_OLLAMA, FROM_OPENAI, TABLE
from shared.errors import CallerFault, EngineLacks
from tests.coordinator.dialects.translation import folded_cases, ollama_cases, openai_cases
from tests.coordinator.dialects.translation.cases import Case

CASES = ollama_cases.CASES | openai_cases.CASES | folded_cases.CASES
ALL = [
    pytest.param(table, field, case, id=f"{table} {field} {number}")
    for table, fields in CASES.items()
    for field, cases in fields.items()
    for number, case in enumerate(cases)
]
LOADED = 4096
ENTRIES = [(table, field) for table in TABLE for field in TABLE[table].rules]


def _made(table: str, fields: dict[str, Any]) -> dict[str, Any]:
    return translated(TABLE[table], fields, Source(fields, LOADED))


def test_every_entry_has_a_case_and_every_case_an_entry() -> None:
    assert {(table, field) for table in CASES for field in CASES[table]} == set(ENTRIES)


@pytest.mark.parametrize(("table", "field", "case"), ALL)
def test_every_case(table: str, field: str, case: Case) -> None:
    assert field in case.given
    before = msgspec.json.encode(case.given)
    if case.refused:
        with pytest.raises(CallerFault, match=case.refused):
            _made(table, case.given)
    else:
        assert _made(table, case.given) == case.made
    assert msgspec.json.encode(case.given) == before, "what was given has been changed"


@pytest.mark.parametrize(("table", "field"), ENTRIES)
def test_cases_show_what_their_entry_says(table: str, field: str) -> None:
    """Refused: some value is. Satisfied: each value is accepted, some other refused. Mapped: something is said."""
    rule, cases = TABLE[table].rules[field], CASES[table][field]
    accepted = [case for case in cases if not case.refused]
    if isinstance(rule, Refused):
        assert len(accepted) < len(cases)
    elif isinstance(rule, Satisfied):
        assert {repr(case.given[field]) for case in accepted} >= {repr(value) for value in rule.values} - {
            "1"
        }
        assert any(case.refused for case in cases)
    elif isinstance(rule, Mapped | Spread) and not _is_embeds_options(table, field):
        assert any(case.made != _without(table, case, field) for case in accepted)
    elif isinstance(rule, Inert | Ours | Answered):
        assert accepted
        assert all(case.made == _without(table, case, field) for case in accepted)


def _is_embeds_options(table: str, field: str) -> bool:
    """Nothing of them is said: an embedding is not generated."""
    return table in ("/api/embed", "/api/embeddings", "/v1/embeddings, folded") and field == "options"


def _without(table: str, case: Case, field: str) -> dict[str, Any]:
    try:
        return _made(table, {name: value for name, value in case.given.items() if name != field})
    except CallerFault:
        return {"refused": True}


JSON = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.floats(0, 1) | st.text("ab", max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", min_size=1), inner, max_size=2),
    max_leaves=4,
)


@given(st.sampled_from(sorted(TABLE)), st.text("xyz_", min_size=1), JSON)
def test_an_unknown_field_is_passed_on_or_refused(table: str, field: str, value: Any) -> None:
    if field in TABLE[table].rules:
        return
    if isinstance(TABLE[table].unknown, Inert):
        assert table == "/api/embed options"
    elif isinstance(TABLE[table].unknown, Passed):
        assert _made(table, {field: value}) == {field: value}
        assert table in FROM_OLLAMA | FOLDED
    else:
        with pytest.raises(CallerFault, match=field):
            _made(table, {field: value})
        assert table in FROM_OPENAI


@given(st.sampled_from(ENTRIES), JSON)
def test_no_value_is_dropped_in_silence(entry: tuple[str, str], value: Any) -> None:
    """Said to the engine, refused, or of those that the table says need not be said."""
    table, field = entry
    rule = TABLE[table].rules[field]
    try:
        made = _made(table, {field: value})
    except CallerFault:
        return
    if isinstance(rule, Mapped | Spread) and not made:
        says_nothing = {"logprobs": False, "type": "text"}
        of_embed = _is_embeds_options(table, field)
        assert not value or value == says_nothing.get(field) or of_embed, (table, field)
    if isinstance(rule, Refused):
        assert not value
    if isinstance(rule, Satisfied):
        assert value in rule.values


def _typed(*types: Any) -> set[str]:
    return {name for each in types for name in inspect.get_annotations(each)} - {"__pydantic_config__"}


def _inherited(kind: Any) -> set[str]:
    return set(kind.model_fields)


@pytest.mark.parametrize(
    ("table", "types"),
    [
        (
            "/v1/chat/completions",
            [
                chat_create_params.CompletionCreateParamsBase,
                chat_create_params.CompletionCreateParamsStreaming,
            ],
        ),
        (
            "/v1/completions",
            [
                completion_create_params.CompletionCreateParamsBase,
                completion_create_params.CompletionCreateParamsStreaming,
            ],
        ),
        ("/v1/embeddings", [embedding_create_params.EmbeddingCreateParams]),
    ],
)
def test_no_field_of_openais_sdk_is_missing(table: str, types: list[Any]) -> None:
    assert _typed(*types) - set(TABLE[table].rules) == set()


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        ("/api/chat", ollama_types.ChatRequest),
        ("/api/chat messages", ollama_types.Message),
        ("/api/generate", ollama_types.GenerateRequest),
        ("/api/generate raw", ollama_types.GenerateRequest),
        ("options", ollama_types.Options),
        ("/api/embed", ollama_types.EmbedRequest),
        ("/api/embeddings", ollama_types.EmbeddingsRequest),
    ],
)
def test_no_field_of_ollamas_client_is_missing(table: str, kind: Any) -> None:
    assert _inherited(kind) - set(TABLE[table].rules) == set()


def test_another_engine_may_be_asked_what_one_lacks() -> None:
    """Not so where the value itself is wrong: that is refused at once."""
    for table, fields in CASES.items():
        for field, cases in fields.items():
            for case in [each for each in cases if each.refused]:
                with pytest.raises(CallerFault) as caught:
                    _made(table, case.given)
                lacks = isinstance(caught.value, EngineLacks)
                assert lacks or not isinstance(TABLE[table].rules[field], Refused | Satisfied), (table, case)
                assert lacks or "this engine" not in str(caught.value)
                assert not (lacks and "expected" in str(caught.value))


def test_refusals_name_the_field() -> None:
    for table, fields in CASES.items():
        for field, cases in fields.items():
            for case in cases:
                if case.refused:
                    with pytest.raises(CallerFault) as caught:
                        _made(table, case.given)
                    named = re.split(r"[^a-z_]+", str(caught.value))
                    assert set(case.given) & set(named) or table in (
                        "/v1/chat/completions reasoning",
                        "/v1/chat/completions content",
                    ), (table, field, str(caught.value))
