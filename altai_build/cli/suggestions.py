"""A command group that names the command that a mistyped one may mean."""

from __future__ import annotations

import click


class SuggestingGroup(click.Group):
    """A group of commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments begin with; fails with a suggestion where there is none of that name."""
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            # Only a wrong name needs it.
            from altai_build.model.suggestion import suggest

            hint = suggest(args[0], names)
            ctx.fail(f"No such command {args[0]!r}." + (f" {hint[0].upper()}{hint[1:]}" if hint else ""))
        return super().resolve_command(ctx, args)
