"""Templates to text: one place that knows the template folder, escaping, and how values are printed in pages."""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from aftercart.errors import MissingExtraError
from aftercart.reporting import numbers


@cache
def _environment() -> Any:
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("jinja2", "report", "a report page") from error
    environment = jinja2.Environment(
        bytecode_cache=_compiled(),
        loader=jinja2.PackageLoader("aftercart.reporting", "templates"),
        autoescape=jinja2.select_autoescape(("html.j2",), default_for_string=True),  # the others are Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["numbers"] = numbers
    environment.globals["asset"] = asset
    environment.globals["integrity"] = integrity
    environment.filters["number"] = numbers.number
    environment.filters["cells"] = numbers.cells
    environment.filters["markdown"] = numbers.markdown
    return environment


def _compiled() -> Any:
    """Templates compiled by an earlier run, kept beside them as Python keeps its modules; none where it may not."""
    import jinja2

    folder = Path(str(files("aftercart.reporting") / "templates" / "__pycache__"))
    try:
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return jinja2.FileSystemBytecodeCache(str(folder)) if os.access(folder, os.W_OK) else None


def render(template: str, **context: Any) -> str:
    """Fill a template of `report/templates`; in pages every value is escaped, an undefined name is an error."""
    page: str = _environment().get_template(template).render(**context)
    return page


@cache
def asset(name: str) -> Any:
    """The text of a style sheet or script beside the templates, to be set into a page as it stands."""
    import markupsafe

    return markupsafe.Markup((files("aftercart.reporting") / "templates" / name).read_text("utf-8"))  # noqa: S704 - own


@cache
def integrity(name: str) -> str:
    """The hash by which a content security policy lets that asset, and nothing else, take effect."""
    return f"sha256-{base64.b64encode(hashlib.sha256(str(asset(name)).encode()).digest()).decode()}"
