"""`herd --open`: it says so wherever somebody looks, and listens nowhere that the internet reaches."""

import asyncio
import sys
from pathlib import Path

from tests.fakes.control import FakeEngine
from tests.fleet.harness import REPOSITORY, fleet_of_fakes
from tests.fleet.verbs import verb

SAID = "open mode: no keys are asked for"


async def test_every_listing_says_so_and_doctor_names_what_ends_it(tmp_path: Path) -> None:
    async with (
        FakeEngine.run(["m"], loaded=["m"]) as fake,
        fleet_of_fakes(tmp_path, [fake], open=True) as fleet,
    ):
        assert "OPEN MODE" in fleet.log.read_text()
        for words in (["nodes"], ["ps"], ["list"], ["get", "models"]):
            told = await verb("coordinator", *words, "--url", fleet.address)
            assert SAID in told.err, words
        assert SAID not in (await verb("coordinator", "nodes", "-o", "json", "--url", fleet.address)).err
        found = (await fleet.get("/dashboard/api/health"))["recommendations"]
        (finding,) = [each for each in found if each["check_id"] == "open_mode"]
        assert (finding["severity"], finding["command"]) == ("warning", "FLEET_OPEN=false herd")
        assert (await fleet.get("/fleet/status"))["open"] is True


async def test_a_closed_one_says_nothing_of_it(tmp_path: Path) -> None:
    async with FakeEngine.run(["m"]) as fake, fleet_of_fakes(tmp_path, [fake]) as fleet:
        assert "OPEN MODE" not in fleet.log.read_text()
        assert SAID not in (await verb("coordinator", "nodes", "--url", fleet.address)).err
        found = (await fleet.get("/dashboard/api/health"))["recommendations"]
        assert "open_mode" not in {each["check_id"] for each in found}
        assert (await fleet.get("/fleet/status"))["open"] is False


async def test_it_refuses_a_public_address(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "coordinator", "--open", "--host", "8.8.8.8", "--port", "0"),
        *("--data-dir", str(tmp_path)),
        cwd=REPOSITORY,
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert (process.returncode, out) == (2, b"")
    assert b"8.8.8.8 is a public address" in err
