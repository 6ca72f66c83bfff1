"""Plain HTML pages.

Templates beside each simulator, styles served by it, nothing from elsewhere, no script needed.
"""

from pathlib import Path
from typing import Any

import attrs
import jinja2
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

_HERE = Path(__file__).parent
_HEADERS = {
    "Cache-Control": "no-store",
    # No form-action: browsers hold it against the redirect to the shop after a payment, too.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self' data:; frame-src 'self'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@attrs.frozen
class Pages:
    """Renders the templates of one simulator; `root` in them is the path under which it is mounted."""

    _templates: jinja2.Environment

    def render(self, request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        root = request.scope.get("root_path", "")
        text = self._templates.get_template(name).render(root=root, **values)
        return HTMLResponse(text, status_code=status, headers=_HEADERS)


def pages_of(folder: Path) -> Pages:
    """Return the pages whose templates lie in `folder/templates`.

    Those shared by all lie beside this file.
    """
    loader = jinja2.FileSystemLoader([folder / "templates", _HERE / "templates"])
    return Pages(jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined))


def styles_of(folder: Path) -> Mount:
    """Serve `folder/static`, where there is one, and the style sheet all share, under `/static`."""
    files = StaticFiles(directory=_HERE / "static")
    if (folder / "static").is_dir():
        files.all_directories = [folder / "static", *files.all_directories]
    return Mount("/static", files)
