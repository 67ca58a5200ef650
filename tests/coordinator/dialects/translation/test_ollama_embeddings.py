"""An OpenAI engine's vectors in Ollama's words, and the answer where there is nothing to do."""

from typing import Any

import msgspec
import pytest

from coordinator.dialects.translation.ollama_answer import EmbeddingDecoder, loaded
from shared.errors import NodeFailure


def _lines(out: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in out.splitlines()]


def test_vectors_are_cut_as_ollama_does() -> None:
    body = b'{"data":[{"embedding":[3.0,4.0,12.0]},{"index":1,"embedding":[0.0,0.0,1.0]}]}'
    made = EmbeddingDecoder("m", single=False, started_ns=0, dimensions=2).whole(body)
    assert msgspec.json.decode(made)["embeddings"] == [[0.6, 0.8], [0.0, 0.0]]
    for enough in (0, 3, 4):
        made = EmbeddingDecoder("m", single=False, started_ns=0, dimensions=enough).whole(body)
        assert b"[[3.0,4.0,12.0],[0.0,0.0,1.0]]" in made
    with pytest.raises(NodeFailure):
        EmbeddingDecoder("m", single=False, started_ns=0, dimensions=2).whole(b'{"data":[{"embedding":"x"}]}')


def test_embeddings_keep_spelling_and_order() -> None:
    body = b'{"data":[{"index":1,"embedding":[1.0e0, -0.50]},{"index":0,"embedding":[2]}],"usage":{"prompt_tokens":3}}'
    made = EmbeddingDecoder("m", single=False, started_ns=0).whole(body)
    assert b'"embeddings":[[2],[1.0e0, -0.50]]' in made
    answer = msgspec.json.decode(made)
    assert (answer["model"], answer["prompt_eval_count"]) == ("m", 3)
    assert EmbeddingDecoder("m", single=True, started_ns=0).whole(body) == b'{"embedding":[2]}'
    assert EmbeddingDecoder("m", single=True, started_ns=0).whole(b'{"data":[]}') == b'{"embedding":[]}'
    for nonsense in (b"", b"{}", b'{"data":[{}]}', b'{"data":7}', b"\xff", b"[" * 100_000):
        with pytest.raises(NodeFailure):
            EmbeddingDecoder("m", single=False, started_ns=0).whole(nonsense)


def test_loading_answers_as_an_ollama_does() -> None:
    answer = msgspec.json.decode(loaded("m", chat=True).whole(b""))
    assert answer["message"] == {"role": "assistant", "content": ""}
    assert (answer["done"], answer["done_reason"]) == (True, "load")
    decoder = loaded("m", chat=False)
    assert decoder.feed(b"anything") == b""
    (line,) = _lines(decoder.finish())
    assert (line["response"], line["done"]) == ("", True)
