"""The command line: parse, call one function of the library, print. Exit codes: 0 fine, 1 problems, 2 usage."""

from __future__ import annotations

import atexit
import gc

import click

from aftercart.cli import catalogue, comparing, exchange, reports, studies


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="aftercart")
def main() -> None:
    """Graded safety, scored efficacy and honest estimates after CAR-T therapy in autoimmune disease.

    STUDY is a folder of CSV or Parquet tables with a study.toml. Exit codes: 0 fine, 1 problems found in the data
    or cases failing, 2 the call could not be answered.

    \b
    Examples:
      aftercart demo --out build/demo
      aftercart check my-study
      aftercart report my-study --out report
      aftercart explain my-study SLE-1 doris_2021
    """
    # A command keeps most of what it makes until it ends: hardly looking for cycles, and not once more at the end when
    # the memory is given back anyhow, saves a twentieth of its time.
    gc.set_threshold(500_000, 50, 50)
    atexit.register(gc.freeze)


for _command in (
    reports.demo,
    reports.report,
    studies.check,
    studies.assess,
    studies.analyze,
    studies.explain,
    comparing.diff,
    catalogue.criteria,
    catalogue.verify,
    catalogue.qualify,
    exchange.import_,
    exchange.map_,
    exchange.export,
):
    main.add_command(_command)
