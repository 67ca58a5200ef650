"""Groups of commands that are imported when they are asked for: `herd ps` imports no chat and no table of another."""

import difflib
from collections.abc import Mapping
from importlib import import_module

import click

from shared.printable import printable

CLOSE = 0.5
"""How alike a mistyped name must be (difflib's ratio)."""


class LazyGroup(click.Group):
    """`verbs`: name -> module and attribute of the command, written `package.module:attribute`."""

    verbs: Mapping[str, str] = {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """By name."""
        return sorted({*super().list_commands(ctx), *self.verbs})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imported now, where it is one of `verbs`."""
        where = self.verbs.get(cmd_name)
        if where is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = where.partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)  # noqa: S101 - the table is ours
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Of a mistyped name, the near ones are told."""
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            close = difflib.get_close_matches(args[0], self.list_commands(ctx), n=2, cutoff=CLOSE)
            hint = f" Did you mean {' or '.join(close)}?" if close else ""
            ctx.fail(f"No such command '{printable(args[0])}'.{hint}")
        return super().resolve_command(ctx, args)


def lazy_group(verbs: Mapping[str, str]) -> type[LazyGroup]:
    """A class of groups with these verbs, for click's decorators."""
    return type("LazyGroup", (LazyGroup,), {"verbs": verbs})
