"""Orders to swap, one after another: a model's, from the coordinator, and those of a file that was read again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import NamedTuple

import aiohttp

from agent.engines.ollama import Ollama
from agent.swapping.blueprint import Blueprint
from agent.swapping.change import Change, Outcome, Say
from agent.swapping.ollama_swap import swapped
from agent.swapping.roster import Roster
from shared.names import normalise
from shared.swaps import ENDS, FAILED, NEWEST, SWAPPED, SWAPS_MOST, SwapOrder, SwapState, cut
from shared.wire import Engine as Report

log = logging.getLogger("herd-node.swaps")


class Wish(NamedTuple):
    """What a file asks for now. `others`: the words of engines that are not started by the agent."""

    blueprints: dict[str, Blueprint]
    others: dict[str, str]


class Orders:
    """Taken from replies, carried out by `run`, told in beats."""

    def __init__(
        self,
        roster: Roster,
        change: Change,
        reports: Callable[[], Iterable[Report]],
        session: aiohttp.ClientSession,
        wake: Callable[[], None],
    ) -> None:
        """`reports`: as the last beat told the engines. `wake`: sends the next beat at once."""
        self._roster = roster
        self._change = change
        self._reports = reports
        self._session = session
        self._wake = wake
        self._states: dict[str, SwapState] = {}
        self._waiting: asyncio.Queue[Callable[[], Awaitable[None]]] = asyncio.Queue()

    def taken(self, orders: Iterable[SwapOrder]) -> None:
        """Of one reply. Each is carried out once, however often it is told; what is over, and is told no more, is
        forgotten.
        """
        orders = list(orders)
        told = {each.order for each in orders}
        self._states = {
            order: state for order, state in self._states.items() if order in told or state.state not in ENDS
        }
        for each in orders:
            if each.order in self._states:
                continue
            while len(self._states) >= SWAPS_MOST:
                if (oldest := self._over()) is None:
                    return  # it will be told again
                del self._states[oldest]
            self._tell(each.order, "waiting", "")
            self._waiting.put_nowait(partial(self._carry_out, each))

    def states(self) -> list[SwapState]:
        """For the beat."""
        return list(self._states.values())

    async def run(self) -> None:
        """For ever."""
        try:
            while True:
                carry_out = await self._waiting.get()
                try:
                    await carry_out()
                except Exception:  # whatever was overlooked must not end the agent
                    log.exception("a fault of ours")
        finally:
            await self._change.end()

    async def reload(self, wish: Wish, running: Mapping[str, str]) -> dict[str, Outcome]:
        """Each engine as the file has it now, in its turn. `running`: the words of those that are not started here."""
        done: asyncio.Future[dict[str, Outcome]] = asyncio.get_running_loop().create_future()

        async def carry_out() -> None:
            try:
                done.set_result(await self._reloaded(wish, running))
            except Exception as error:
                done.set_exception(error)

        self._waiting.put_nowait(carry_out)
        return await done

    async def _reloaded(self, wish: Wish, running: Mapping[str, str]) -> dict[str, Outcome]:
        outcomes = {}
        for name, blueprint in wish.blueprints.items():
            if self._change.blueprint(name) is None:
                outcomes[name] = Outcome(
                    FAILED, f"it is new: herd-node must be started anew for it{_OR_DRAIN}"
                )
            else:
                outcomes[name] = await self._change.to(blueprint, partial(_log, name))
        for name, words in wish.others.items():
            same = running.get(name) == words
            outcomes[name] = (
                Outcome(NEWEST, "as it was")
                if same
                else Outcome(
                    FAILED, f"the agent does not start it: herd-node must be started anew{_OR_DRAIN}"
                )
            )
        for name in self._roster:
            if name not in outcomes:
                outcomes[name] = Outcome(
                    FAILED, "it is not named any more, and goes on until herd-node is started anew"
                )
        self._wake()
        return outcomes

    async def _carry_out(self, order: SwapOrder) -> None:
        outcomes = {}
        try:
            for name in self._serving(order.model):
                outcomes[name] = await self._one(name, order.model, partial(self._tell_of, order.order, name))
        finally:
            state, told = together(outcomes)
            self._tell(order.order, state, told)

    async def _one(self, name: str, model: str, say: Say) -> Outcome:
        engine, blueprint = self._roster[name], self._change.blueprint(name)
        if blueprint is not None:
            return await self._change.to(blueprint, say)
        if isinstance(engine, Ollama):
            outcome = await swapped(engine, model, self._session, say)
            return outcome if outcome.state == NEWEST else self._change.noted(name, outcome)
        return Outcome(FAILED, "somebody else starts it: it can be swapped only there")

    def _serving(self, model: str) -> list[str]:
        wanted = normalise(model)
        return [
            report.name
            for report in self._reports()
            if report.name in self._roster and any(normalise(each.name) == wanted for each in report.models)
        ]

    def _over(self) -> str | None:
        return next((order for order, state in self._states.items() if state.state in ENDS), None)

    def _tell_of(self, order: str, name: str, state: str, told: str) -> None:
        self._tell(order, state, f"{name}: {told}")

    def _tell(self, order: str, state: str, told: str) -> None:
        self._states[order] = SwapState(order=order, state=state, told=cut(told))
        self._wake()


_OR_DRAIN = " (herd drain first, and no call is lost)"


def together(outcomes: Mapping[str, Outcome]) -> tuple[str, str]:
    """One word for the outcomes of a node's engines, and what is told of each."""
    if not outcomes:
        return FAILED, "no engine has it any more"
    states = {each.state for each in outcomes.values()}
    state = FAILED if FAILED in states else SWAPPED if SWAPPED in states else NEWEST
    return state, "; ".join(f"{name}: {each.told}" for name, each in outcomes.items())


def _log(name: str, state: str, told: str) -> None:
    log.info("%s, %s: %s", name, state, told)
