"""`herd show`: what a model is, as Ollama shows it."""

from typing import Any

import click

from coordinator.verbs.completion import models
from coordinator.verbs.saying import pour
from coordinator.verbs.telling import Name, ended, json_option, rendered, say, url_option

PARTS = ("license", "modelfile", "parameters", "system", "template")
LICENSE_LINES = 2


@click.command()
@click.argument("model", type=Name(), shell_complete=models)
@click.option("--license", "part", flag_value="license", help="Only its license.")
@click.option("--modelfile", "part", flag_value="modelfile", help="Only its Modelfile.")
@click.option("--parameters", "part", flag_value="parameters", help="Only its parameters.")
@click.option("--system", "part", flag_value="system", help="Only its system message.")
@click.option("--template", "part", flag_value="template", help="Only its template.")
@url_option
@json_option
def show(*, model: str, part: str | None, url: str, output: str) -> None:
    """What MODEL is.

    \b
    herd show llama3.2
    herd show llama3.2 --modelfile
    herd describe model llama3.2       where it is, and what it served
    """
    ended(lambda: _show(model, part, url, output), url)


def _show(model: str, part: str | None, url: str, output: str) -> None:
    from coordinator.verbs.connection import ask

    told = ask("POST", "/api/show", {"model": model}, url=url)
    lines = sections(told)
    if output == "json":
        click.echo(rendered(told, "json"))
    elif part:
        pour(str(told.get(part) or "").rstrip("\n") + "\n")
    else:
        say("\n".join(lines))


def sections(told: dict[str, Any]) -> list[str]:
    """Of an answer of /api/show; what is empty is left out. Pure."""
    from shared.printable import printable

    details, info = told["details"] or {}, told.get("model_info") or {}
    kind = info.get("general.architecture", "")
    facts = {
        "architecture": kind,
        "parameters": details.get("parameter_size"),
        "context length": info.get(f"{kind}.context_length"),
        "embedding length": info.get(f"{kind}.embedding_length"),
        "quantization": details.get("quantization_level"),
    }
    license_lines = [line for line in str(told.get("license") or "").splitlines() if line.strip()]
    parts = {
        "Model": [f"{name:<19} {text}" for name, text in facts.items() if text],
        "Capabilities": list(told.get("capabilities") or ()),
        "Parameters": str(told.get("parameters") or "").splitlines(),
        "System": str(told.get("system") or "").splitlines(),
        "License": license_lines[:LICENSE_LINES],
    }
    lines: list[str] = []
    for name, inside in parts.items():
        if inside:
            lines += [f"  {name}", *(f"    {printable(line)}" for line in inside), ""]
    return lines[:-1]
