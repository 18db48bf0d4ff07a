"""Commands about the criteria themselves: list, verify, qualify."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from aftercart.cli.common import JSON, OK, OUT, PROBLEMS, print_json, progress_shown, reports_errors


@click.command()
@click.argument("key", required=False, help="Key of one criterion.")
@JSON
@reports_errors
def criteria(key: str | None, as_json: bool) -> None:
    """List all criteria, or show everything the registry knows about the one called KEY."""
    from dataclasses import asdict

    from aftercart.criteria import registry

    if key is None:
        entries = registry.all_criteria()
        if as_json:
            print_json(
                [{"key": e.key, "title": e.title, "group": e.group, "source_status": e.source_status} for e in entries]
            )
        else:
            for e in entries:
                click.echo(f"{e.key:38} {e.title}  [{e.source_status}]")
        return
    entry = registry.get(key)
    click.echo(json.dumps(asdict(entry), indent=2, ensure_ascii=False) if as_json else _page(entry))


def _page(entry: Any) -> str:
    lines = [f"{entry.key}: {entry.title}", "", entry.measures, "", "Inputs:"]
    for spec in (*entry.inputs, *entry.row_inputs):
        unit = f" [{spec.unit}]" if spec.unit else ""
        default = f" (default {spec.default})" if spec.has_default else ""
        lines.append(f"  {spec.name}: {spec.type}{unit}{default}. {spec.description}")
    lines += ["", "Outputs:", *(f"  {o.name}: {o.type}. {o.description}" for o in entry.outputs)]
    lines += ["", "Clauses:", *(f"  {c.id}: {c.text}" for c in entry.clauses)]
    lines += [
        "",
        f"Missing data: {entry.missing_policy}",
        "",
        f"Source status: {entry.source_status}. {entry.source_note}",
    ]
    lines += [f"  {c.text}{f' doi:{c.doi}' if c.doi else ''}" for c in entry.citations]
    return "\n".join(lines)


@click.command()
@click.argument("cases", nargs=-1, type=click.Path(path_type=Path), help="JSON files of worked cases.")
@JSON
@reports_errors
def verify(cases: tuple[Path, ...], as_json: bool) -> None:
    """Run worked-case files (CASES.json ...; default: those shipped) through the public functions."""
    from aftercart import verify as cases_module

    result = cases_module.run(cases or None)
    if as_json:
        print_json(result.as_dict())
    else:
        click.echo(f"{'criterion or method':40} passed failed not implemented")
        for key, tally in sorted(result.criteria.items()):
            click.echo(f"{key:40} {tally.passed:6} {tally.failed:6} {tally.not_implemented:15}")
        for failure in result.failures:
            click.echo(
                f"\nFAILED {failure.criterion}: {failure.case}" + (f" ({failure.error})" if failure.error else "")
            )
            for name, (expected, found) in failure.differences.items():
                click.echo(f"  {name}: expected {expected!r}, found {found!r}")
        click.echo(f"\n{result.passed} passed, {result.failed} failed, {result.not_implemented} not implemented")
    sys.exit(PROBLEMS if result.failed else OK)


@click.command()
@OUT
@JSON
@reports_errors
def qualify(out: Path, as_json: bool) -> None:
    """Write the evidence that this installation computes what it claims: qualification.html (to print) and .json.

    Environment, versions, every criterion with its worked cases and result, and checks, with a content hash.
    """
    from aftercart.qualify import qualify as run

    with progress_shown() as progress:
        result = run(out, progress=progress)
    if as_json:
        print_json(result.as_dict())
    else:
        criteria, methods = result.evidence["criteria"], result.evidence["methods"]
        counted = [*criteria.values(), *methods.values()]
        click.echo(f"{len(criteria)} criteria and {len(methods)} methods, ", nl=False)
        click.echo(f"{sum(c['passed'] for c in counted)} cases passed,", nl=False)
        click.echo(f" {sum(c['failed'] for c in counted)} failed; written to {out}")
        click.echo(f"content hash {result.content_hash}")
    sys.exit(OK if result.passed else PROBLEMS)
