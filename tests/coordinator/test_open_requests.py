"""/fleet/requests: the calls between arrival and end, and how far each is."""

from coordinator.journal import CallRecord
from coordinator.open_requests import open_requests
from shared.names import CallId
from tests.fakes.builders import a_beat, a_call, a_desk, a_model, an_address, an_engine, with_loaded


def test_phases_from_arrival_to_answer() -> None:
    desk = a_desk(a_beat("n1", with_loaded(slots=1)))
    desk.arrived(a_call("c1", client="laptop", estimated_tokens=7), 1.0)
    desk.arrived(a_call("c2", priority="batch"), 2.0)
    first, second = open_requests(desk, {}, 3.0)["requests"]
    assert (first["request_id"], first["node_id"], first["phase"]) == ("c1", "n1", "prefill")
    assert (first["age_s"], first["client"], first["estimated_tokens"]) == (2.0, "laptop", 7)
    assert (second["phase"], second["node_id"], second["priority"]) == ("held", None, "batch")
    desk.first_byte(CallId("c1"), 3.5)
    first = open_requests(desk, {}, 4.0)["requests"][0]
    assert (first["phase"], first["first_byte_s"], first["running_s"]) == ("decode", 2.5, 3.0)
    desk.finished(CallId("c1"), 5.0)
    assert [each["request_id"] for each in open_requests(desk, {}, 5.0)["requests"]] == ["c2"]


def test_a_model_that_was_not_in_memory_is_loading() -> None:
    desk = a_desk(a_beat("n1", an_engine(a_model())))
    desk.arrived(a_call("c1"), 1.0)
    assert open_requests(desk, {}, 2.0)["requests"][0]["phase"] == "loading"
    desk.heard(a_beat("n1", with_loaded(), seq=2), an_address("n1"), 3.0)
    assert open_requests(desk, {}, 4.0)["requests"][0]["phase"] == "prefill"


def test_how_much_is_written_and_how_fast() -> None:
    desk = a_desk(a_beat("n1", with_loaded(slots=2)))
    calls = [a_call("c1"), a_call("c2")]
    records = {call.id: CallRecord(call, 1.0) for call in calls}
    for call in calls:
        desk.arrived(call, 1.0)
    first = records[calls[0].id]
    first.first_byte_at, first.pieces_out = 2.0, 30
    told = [
        (each["tokens_out"], each["tokens_per_s"]) for each in open_requests(desk, records, 2.9)["requests"]
    ]
    assert told == [(30, None), (0, None)], "what was written for so short a time has no rate"
    assert open_requests(desk, records, 4.0)["requests"][0]["tokens_per_s"] == 15.0
