"""What is unsafe about an engine, as its own machine and as the coordinator tell it."""

from shared.doctor.engine_checks import EDIT_UNIT, UPDATE, holes, open_engine, open_ollama

ADDRESSES = ["192.168.1.7", "fd00::7"]


def test_a_hole_weighs_more_where_the_network_reaches_it() -> None:
    (here,) = holes("0.17.0\x1b[2J", facing=False)
    assert (here.severity, here.node_id, here.command) == ("warning", None, UPDATE)
    assert here.title == "Ollama 0.17.0 has known holes: CVE-2026-7482"
    assert here.fix == "Bring it up to 0.17.1 or later; on Linux usually by:"
    (there,) = holes("0.17.0", facing=True, node_id="laptop")
    assert (there.severity, there.node_id, there.command) == ("critical", "laptop", UPDATE)
    assert there.title == "On laptop: Ollama 0.17.0 has known holes: CVE-2026-7482"
    assert there.fix == "On laptop: bring it up to 0.17.1 or later; on Linux usually by:"
    assert list(holes("0.17.1", facing=True)) == []


def test_an_ollama_goes_back_to_loopback_the_way_it_was_started() -> None:
    by_systemd = open_ollama(ADDRESSES, "127.0.0.1:9", unit=True)
    assert by_systemd.title == "The Ollama faces the network at 192.168.1.7, fd00::7"
    assert by_systemd.command == EDIT_UNIT
    assert by_systemd.fix.startswith("Have it on loopback only: ")
    by_hand = open_ollama(ADDRESSES, "127.0.0.1:9", unit=False)
    assert by_hand.command == "OLLAMA_HOST=127.0.0.1:9 ollama serve"
    assert by_hand.data == {"addresses": ADDRESSES}
    elsewhere = open_ollama(ADDRESSES, "127.0.0.1", unit=None, node_id="laptop")
    assert elsewhere.title == "On laptop: the Ollama faces the network at 192.168.1.7, fd00::7"
    assert (elsewhere.node_id, elsewhere.command) == ("laptop", EDIT_UNIT)
    assert elsewhere.fix.startswith("On laptop: ")
    for way in ("Environment=OLLAMA_HOST=127.0.0.1.", "OLLAMA_HOST=127.0.0.1 ollama serve"):
        assert way in elsewhere.fix


def test_any_other_engine_is_started_with_its_own_flag() -> None:
    found = open_engine("big", ADDRESSES, "laptop")
    assert found.title == "On laptop: engine big faces the network at 192.168.1.7, fd00::7"
    assert "--host 127.0.0.1" in found.fix
    assert "delete its models" not in found.description
    assert found.command == ""
