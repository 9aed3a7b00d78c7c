"""A review as one HTML page with nothing to load: readable without JavaScript, which adds the filters."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import jinja2

from policies.review.report import Review, counted, deed, kept, target, title_of, visible

_TEMPLATES = Path(__file__).resolve().parent / "templates"


def page(review: Review) -> str:
    """The page. Its content policy lets it run its own script and load nothing, whatever a change's text says."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"visible": visible, "kept": kept, "deed": deed, "target": target, "title_of": title_of}
    script, style = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.js", "page.css"))
    found = review.comparison
    decisions = [*found.granted, *found.revoked, *review.standing]
    return environment.get_template("page.html.j2").render(
        review=review,
        decisions=decisions,
        principals=sorted({each.attempt.principal for each in decisions}),
        counted=counted,
        script=script,
        script_hash=_source_hash(script),
        style=style,
        style_hash=_source_hash(style),
    )


def _source_hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
