"""`herd doctor` and `herd-node doctor` beside a live fleet of fakes: well, and broken in several ways."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.doctor.directory_looks import directory
from tests.fakes.control import FakeEngine
from tests.fakes.nvml import build_nvml
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, fleet_of_fakes, herd
from tests.fleet.looking import beat
from tests.fleet.verbs import Said, verb

QUIET = ("--wait", "0", "-o", "json")


def told(said: Said) -> dict[str, str]:
    """Severities by check."""
    return {each["check_id"]: each["severity"] for each in json.loads(said.out)["findings"]}


def the(check_id: str, said: Said) -> dict[str, Any]:
    """The finding, as scripts get it."""
    (found,) = [each for each in json.loads(said.out)["findings"] if each["check_id"] == check_id]
    return dict(found)


def of(fleet: Herd, tmp_path: Path) -> tuple[str, ...]:
    """Flags that mean this coordinator."""
    return (f"--port={urlsplit(fleet.address).port}", "--host=127.0.0.1", f"--data-dir={tmp_path / 'herd'}")


async def test_a_fleet_that_is_well_and_one_that_is_not(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], open=True, heartbeat_timeout=60) as fleet,
    ):
        said = await verb("coordinator", "doctor", *of(fleet, tmp_path), *QUIET)
        found = told(said)
        assert found["coordinator_runs"] == "info"
        assert "port_taken" not in found
        assert "clock_skew" not in found
        ours = {"coordinator_runs", "disk_nearly_full", "memory_low"}
        assert set(found) <= ours | {"open_mode", "underutilized_memory", "swap_usage", "memory_pressure"}
        assert said.code == int("critical" in found.values())
        for program in ("herd", "node-1"):
            assert directory(tmp_path / program).own, "all that it writes there is known to be its own"

        await beat(fleet, "far", engines=[])
        said = await verb("coordinator", "doctor", *of(fleet, tmp_path), *QUIET)
        assert the("no_engine", said)["node_id"] == "far", "what the coordinator finds itself"
        await beat(
            fleet,
            "worse",
            engines=[{"name": "ollama", "kind": "ollama", "up": False, "reason": "connection refused"}],
        )
        said = await verb("coordinator", "doctor", *of(fleet, tmp_path), *QUIET)
        assert said.code == 1
        assert json.loads(said.out)["well"] is False
        said = await verb("coordinator", "doctor", *of(fleet, tmp_path), "--wait=0")
        assert said.code == 1
        assert said.out.startswith("broken   ollama on worse is down\n")
        assert "1 broken" in said.err


async def test_a_node_and_its_coordinator(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake]) as fleet,
    ):
        gateway = (await fleet.nodes())["node-1"]["gateway_url"]
        flags = [
            *("--node-id=node-1", f"--data-dir={tmp_path / 'node-1'}", f"--ollama-host={fake.address}"),
            *(f"--gateway-port={urlsplit(gateway).port}", "--engine=ollama"),
        ]
        said = await verb("agent", "doctor", *flags, f"--router-url={fleet.address}", *QUIET)
        found = told(said)
        assert (found["engine_found"], found["coordinator_found"], found["node_member"]) == ("info",) * 3
        assert not {"port_taken", "engine_open", "clock_skew", "version_mismatch"} & set(found)

        said = await verb("agent", "doctor", *flags, "--router-url=http://127.0.0.1:9", *QUIET)
        assert said.code == 1
        assert told(said)["no_coordinator"] == "critical"

        flags[0] = "--node-id=other"
        said = await verb("agent", "doctor", *flags, f"--router-url={fleet.address}", *QUIET)
        assert told(said)["agent_absent"] == "warning"
        command = the("agent_absent", said)["command"]
        assert "--node-id other" in command
        assert f"--router-url {fleet.address}" in command
        assert not (tmp_path / "node-1" / "nodes" / "other").exists(), "doctor makes nothing"
        taken = the("port_taken", said)
        assert taken["data"]["pids"] == [fleet.agents["node-1"].pid]
        assert said.code == 1


async def test_a_node_whose_engine_is_gone(tmp_path: Path) -> None:
    said = await verb(
        *("agent", "doctor", "--engine=ollama", "--ollama-host=http://127.0.0.1:9", "--gateway-port=0"),
        *("--router-url=http://127.0.0.1:9", f"--data-dir={tmp_path / 'new'}", *QUIET),
    )
    assert told(said)["engine_down"] == "critical"
    assert the("engine_down", said)["command"] == "OLLAMA_HOST=127.0.0.1:9 ollama serve"
    assert said.code == 1
    assert not (tmp_path / "new").exists(), "doctor makes nothing"


async def test_gpus_are_told_with_their_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_nvml(tmp_path)))
    monkeypatch.setenv("STANDIN_GPUS", "2")
    said = await verb(
        *("agent", "doctor", "--gateway-port=0", "--router-url=http://127.0.0.1:9"),
        *(f"--data-dir={tmp_path}", *QUIET),
    )
    found = the("gpu_found", said)
    assert found["data"]["driver"] == "570.86.15"
    assert found["data"]["count"] >= 2
    assert "gpu_unread" not in told(said)


async def test_a_driver_that_never_answers_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", str(build_nvml(tmp_path)))
    monkeypatch.setenv("STANDIN_HANG", "600")
    async with asyncio.timeout(40):
        said = await verb("agent", "doctor", "--gateway-port=0", f"--data-dir={tmp_path}", *QUIET)
    found = the("gpu_unread", said)
    assert (said.code, found["severity"]) == (1, "critical")
    assert "did not answer within 8 s" in found["description"]


async def test_a_port_of_somebody_else(tmp_path: Path) -> None:
    door = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with door:
        port = door.sockets[0].getsockname()[1]
        said = await verb("coordinator", "doctor", f"--port={port}", f"--data-dir={tmp_path / 'new'}", *QUIET)
    found = the("port_taken", said)
    assert (said.code, found["severity"]) == (1, "critical")
    assert "(pid " in found["description"]
    assert found["command"].startswith("herd --port ")
    assert "coordinator_absent" not in told(said)


async def test_nothing_runs_and_the_data_directory_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    said = await verb("coordinator", "doctor", "--port=9", f"--data-dir={tmp_path / 'file'}", *QUIET)
    assert said.code == 1
    assert told(said) | {"coordinator_absent": "warning", "data_dir_unusable": "critical"} == told(said)
    assert the("coordinator_absent", said)["command"] == f"herd --port 9 --data-dir {tmp_path / 'file'}"
    assert the("data_dir_unusable", said)["command"] == "herd --port 9 --data-dir ~/.fleet-manager"


async def test_a_setting_that_is_wrong(tmp_path: Path) -> None:
    for flags in (("--policy=magic", "doctor"), ("doctor", "--port=70000")):
        said = await verb("coordinator", *flags, f"--data-dir={tmp_path}", *QUIET)
        assert told(said)["settings_wrong"] == "critical"
        assert said.code == 1
    said = await verb("agent", "--router-url=http://my..host", "doctor", f"--data-dir={tmp_path}", *QUIET)
    assert "my..host" in the("settings_wrong", said)["description"]


async def test_keys_that_do_not_count_are_told_whether_the_coordinator_runs_or_not(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as fleet:
        flags, file = of(fleet, tmp_path), tmp_path / "herd" / "keys.json"
        assert "keys_unusable" not in told(await verb("coordinator", "doctor", *flags, *QUIET))
        file.write_text("garbage")
        file.chmod(0o600)

        async def found() -> bool:
            report = await fleet.get("/dashboard/api/health")
            return "keys_unusable" in {each["check_id"] for each in report["recommendations"]}

        await eventually(found)
        said = await verb("coordinator", "doctor", *flags, *QUIET)
        finding = the("keys_unusable", said)
        assert (said.code, finding["severity"]) == (1, "critical")
        assert finding["command"] == f"mv {file} {file}.aside"
        assert "garbage" not in said.out
    said = await verb("coordinator", "doctor", *flags, *QUIET)
    assert told(said)["coordinator_absent"] == "warning"
    assert the("keys_unusable", said) == finding, "in the same words"
    file.rename(f"{file}.aside")
    assert "keys_unusable" not in told(await verb("coordinator", "doctor", *flags, *QUIET))


async def test_a_file_of_priorities_that_others_may_change(tmp_path: Path) -> None:
    file = tmp_path / "classes"
    file.write_text("# nobody yet\n")
    words = ("doctor", "--port=9", f"--data-dir={tmp_path / 'new'}", *QUIET)
    for mode, expected in ((0o644, False), (0o666, True), (0o660, True)):
        file.chmod(mode)
        said = await verb("coordinator", *words, environment={"FLEET_PRIORITY_KEYS": str(file)})
        assert ("priorities_open" in told(said)) is expected, oct(mode)
    assert the("priorities_open", said)["command"] == f"chmod go-w {file}"
    async with herd(tmp_path, priority_keys=file) as fleet:
        told_too = f"others may say whose calls go first: chmod go-w {file}"
        await eventually(lambda: told_too in fleet.log.read_text())
