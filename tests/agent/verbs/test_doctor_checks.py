"""What `herd-node doctor` makes of engines, GPUs and its coordinator, from plain values."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.config import Settings
from agent.verbs import doctor_checks
from agent.verbs.doctor import _kinds, _nvidia_on_bus
from agent.verbs.doctor_checks import CoordinatorSeen, GpusSeen, OllamaSeen
from shared.doctor.source import Installed
from shared.finding import Finding
from shared.wire import Gpu

URL = "http://localhost:11434"
UP = OllamaSeen(url=URL, version="0.17.1")
DOWN = OllamaSeen(url=URL, problem="Connection refused")
CARD = Gpu(uuid="GPU-1", name="RTX 4090")


def told(findings: object) -> dict[str, str]:
    return {each.check_id: each.severity for each in findings}  # type: ignore[attr-defined]


def the(check_id: str, findings: object) -> Finding:
    (found,) = [each for each in findings if each.check_id == check_id]  # type: ignore[attr-defined]
    assert isinstance(found, Finding)
    return found


@pytest.mark.parametrize(
    ("seen", "wanted", "embedded", "expected"),
    [
        (UP, (), False, {"engine_found": "info"}),
        (UP, ("embedded",), True, {"engine_found": "info"}),
        (UP, ("embedded",), False, {"no_engine": "critical"}),
        (DOWN, (), True, {"engine_found": "info"}),
        (DOWN, (), False, {"no_engine": "critical"}),
        (DOWN, ("ollama",), True, {"engine_down": "critical"}),
        (DOWN, ("vllm",), False, {}),
        (DOWN, ("ollama", "embedded"), True, {"engine_down": "critical", "engine_found": "info"}),
    ],
)
def test_engines(seen: OllamaSeen, wanted: tuple[str, ...], embedded: bool, expected: dict[str, str]) -> None:
    assert told(doctor_checks.engines(seen, wanted, embedded=embedded)) == expected


def test_an_ollama_that_the_agent_starts_may_be_down() -> None:
    assert told(doctor_checks.engines(DOWN, ("ollama",), embedded=False, startable=True)) == {}


def test_engines_that_are_named_are_those_of_the_file_too(tmp_path: Path) -> None:
    (tmp_path / "engines.toml").write_text('[big]\nkind = "vllm"\nmodel = "m"\n')
    settings = Settings(data_dir=str(tmp_path))
    assert _kinds(settings) == (("vllm",), "")
    assert _kinds(msgspec.structs.replace(settings, engine=("ollama", "big"))) == (("ollama", "vllm"), "")
    (tmp_path / "engines.toml").write_text("[vlm]\n")
    kinds, wrong = _kinds(settings)
    assert (kinds, "vllm" in wrong) == ((), True)


@pytest.mark.parametrize(
    ("version", "old"),
    [
        ("0.12.5", True),
        ("0.9.10", True),
        ("0.12.6-rc1", False),
        ("1.0.0", False),
        ("0.0.0", False),
        ("x", False),
    ],
)
def test_an_old_ollama_is_a_warning(version: str, old: bool) -> None:
    findings = told(doctor_checks.engines(OllamaSeen(url=URL, version=version), (), embedded=True))
    assert ("engine_old" in findings) == old


def test_one_that_faces_the_network_is_a_warning() -> None:
    seen = OllamaSeen(url=URL, version="0.12.6", open_at=("10.0.0.2",))
    found = the("engine_open", doctor_checks.engines(seen, (), embedded=True))
    assert found.severity == "warning"
    assert "10.0.0.2" in found.title
    assert found.command == "OLLAMA_HOST=127.0.0.1:11434 ollama serve"
    assert "End the one that runs" in found.fix
    seen = OllamaSeen(url="http://127.0.0.1:9", version="0.12.6", open_at=("10.0.0.2",), unit=True)
    found = the("engine_open", doctor_checks.engines(seen, (), embedded=True))
    assert "OLLAMA_HOST=127.0.0.1:9" in found.fix
    assert found.command == "sudo systemctl edit ollama && sudo systemctl restart ollama"


@pytest.mark.parametrize(
    ("url", "command"),
    [
        (URL, "ollama serve"),
        ("http://127.0.0.1:9", "OLLAMA_HOST=127.0.0.1:9 ollama serve"),
        ("http://workstation:11434", ""),
    ],
)
def test_an_ollama_is_started_where_it_is_looked_for(url: str, command: str) -> None:
    down = OllamaSeen(url=url, problem="Connection refused")
    assert the("engine_down", doctor_checks.engines(down, ("ollama",), embedded=False)).command == command


def test_the_engine_that_is_missing_is_installed_where_herd_is() -> None:
    herd = Installed(clone="/my herd", prefix="/home/a/.local/share/uv/tools/herd-fleet")
    found = the("no_engine", doctor_checks.engines(DOWN, (), embedded=False, herd=herd))
    assert found.command == "uv tool install --reinstall '/my herd[embedded]'"


@pytest.mark.parametrize(
    ("seen", "expected", "command"),
    [
        (GpusSeen(), {}, ""),
        (GpusSeen(reason="NVML Shared Library Not Found"), {}, ""),
        (GpusSeen(nvidia_on_bus=1, told=(CARD,), driver="570.1"), {"gpu_found": "info"}, ""),
        (
            GpusSeen(nvidia_on_bus=1, reason="Driver Not Loaded"),
            {"gpu_unread": "critical"},
            "sudo modprobe nvidia",
        ),
        (
            GpusSeen(nvidia_on_bus=1, reason="Driver/library version mismatch"),
            {"gpu_unread": "critical"},
            "sudo reboot",
        ),
        (
            GpusSeen(nvidia_on_bus=2, told=(CARD,), reason="GPU 1: GPU is lost"),
            {"gpu_unread": "warning", "gpu_found": "info"},
            "sudo modprobe nvidia",
        ),
    ],
)
def test_gpus(seen: GpusSeen, expected: dict[str, str], command: str) -> None:
    found = list(doctor_checks.gpus(seen, "linux"))
    assert told(found) == expected
    if command:
        assert the("gpu_unread", found).command == command


def test_cards_on_the_bus_are_counted_without_a_driver(tmp_path: Path) -> None:
    for name, vendor, kind in (
        ("a", "0x10de", "0x030000"),
        ("b", "0x10de", "0x040300"),
        ("c", "0x8086", "0x030000"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
        (tmp_path / name / "class").write_text(f"{kind}\n")
    (tmp_path / "d").mkdir()
    assert _nvidia_on_bus(tmp_path) == 1
    assert _nvidia_on_bus(tmp_path / "none") == 0


def a_coordinator(**values: Any) -> CoordinatorSeen:
    return CoordinatorSeen(
        **({"url": "http://a:11435", "version": "1", "gateway": "http://b:11436"} | values)
    )


def test_no_coordinator_is_broken_and_says_where_it_was_looked_for() -> None:
    (found,) = doctor_checks.coordinator(None, [("http://a:1", "timed out")], "1")
    assert (found.check_id, found.severity) == ("no_coordinator", "critical")
    assert "http://a:1: timed out" in found.description


def test_versions() -> None:
    assert told(doctor_checks.coordinator(a_coordinator(), [], "1")) == {"coordinator_found": "info"}
    herd = Installed(clone="/opt/herd", python="/v/python", extras=("embedded",))
    newer = doctor_checks.coordinator(a_coordinator(version="1.2.0"), [], "1.1.0", None, herd)
    assert the("version_mismatch", newer).command == "/v/python -m pip install '/opt/herd[embedded]'"
    older = doctor_checks.coordinator(a_coordinator(version="1.1.0"), [], "1.2.0", None, herd)
    found = the("version_mismatch", older)
    assert (found.severity, found.command) == ("warning", ""), "nothing here mends it"
    assert "on the coordinator's machine" in found.fix


@pytest.mark.parametrize(
    ("seen", "runs", "check_id", "severity"),
    [
        ({}, False, "agent_absent", "warning"),
        ({"knows": True, "state": "ready"}, False, "agent_absent", "warning"),
        ({}, True, "node_unknown", "warning"),
        ({"knows": True, "state": "unreachable"}, True, "node_unreachable", "critical"),
        ({"knows": True, "state": "suspect", "status": "degraded"}, True, "node_unwell", "warning"),
        ({"knows": True, "state": "drained", "status": "online"}, True, "node_unwell", "info"),
        ({"knows": True, "state": "ready", "status": "online"}, True, "node_member", "info"),
    ],
)
def test_membership(seen: dict[str, Any], runs: bool, check_id: str, severity: str) -> None:
    found = doctor_checks.membership(a_coordinator(**seen), "b", 11436, "", runs=runs)
    assert told(found) == {check_id: severity}


def test_commands_keep_the_flags_that_doctor_was_given() -> None:
    given = {
        "node_id": "b",
        "router_url": "http://a:11435",
        "engine": ("ollama", "x:y=a b"),
        "data_dir": None,
    }
    rest = "--engine ollama --engine 'x:y=a b'"
    (found,) = doctor_checks.membership(a_coordinator(), "b", 11436, "", given, runs=False)
    assert found.command == f"herd-node --node-id b --router-url http://a:11435 {rest}"
    (found,) = doctor_checks.membership(a_coordinator(url="http://c:1"), "b", 11436, "", given, runs=True)
    assert found.command == f"herd-node --node-id b --router-url http://c:1 {rest}"
    (found,) = doctor_checks.coordinator(None, [], "1", {"enable_capacity_learning": True, "node_id": "b"})
    assert found.command == "herd-node --learn-capacity --node-id b --router-url http://HOST:11435"


def test_a_firewall_in_the_way_has_its_command() -> None:
    seen = a_coordinator(knows=True, state="unreachable", reason="timed out")
    (found,) = doctor_checks.membership(seen, "b", 11436, "ufw", runs=True)
    assert found.command == "sudo ufw allow 11436/tcp"
    (found,) = doctor_checks.membership(seen, "b", 11436, "", runs=True)
    assert found.command == "herd-node --advertise HOST"


@pytest.mark.parametrize(
    ("version", "open_at", "holes", "severity"),
    [
        ("0.1.28", (), 3, "warning"),
        ("0.1.33", (), 2, "warning"),
        ("0.17.0", (), 1, "warning"),
        ("0.17.0", ("192.168.1.7",), 1, "critical"),
        ("0.17.1", ("192.168.1.7",), 0, ""),
        ("0.0.0", (), 0, ""),
    ],
    ids=["first", "second", "third", "facing-the-network", "mended", "built-at-home"],
)
def test_an_engine_with_a_known_hole(
    version: str, open_at: tuple[str, ...], holes: int, severity: str
) -> None:
    seen = OllamaSeen(url=URL, version=version, open_at=open_at)
    found = [
        each for each in doctor_checks.engines(seen, (), embedded=False) if each.check_id == "engine_hole"
    ]
    assert [each.severity for each in found] == ([severity] if holes else [])
    assert all(len(each.data["holes"]) == holes and each.command for each in found)
