"""What tests of web pages share: a server of files, and an eye on what a page complains of or asks for."""

import functools
import http.server
import threading
from contextlib import contextmanager

from axe_playwright_python.sync_playwright import Axe


class Silent(http.server.SimpleHTTPRequestHandler):
    """A server of files that prints no log."""

    def log_message(self, *_):
        pass


@contextmanager
def served(folder):
    """The address of a server for a folder."""
    handler = functools.partial(Silent, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def collect_errors(page, tell):
    """Tell of what the page's console calls an error, and of what nobody caught in the page."""
    page.on("pageerror", lambda error: tell(f"{error}\n{error.stack}"))
    page.on("console", lambda message: tell(message.text) if message.type == "error" else None)


def stay_at(address, target, tell):
    """Refuse what a page, or all pages of a context, ask of any other address, and tell of it."""

    def guard(route):
        if route.request.url.startswith(address):
            route.continue_()
        else:
            tell(f"asks for {route.request.url}")
            route.abort()

    target.route("**/*", guard)


def audited(page, context=None):
    """What axe finds, in a page or a part of it (a selector), that keeps people from using it."""
    rules = Axe().run(page, context, {"resultTypes": ["violations"], "preload": False}).response["violations"]
    serious = [rule for rule in rules if rule["impact"] in ("serious", "critical")]
    return [(rule["id"], node["target"], node["html"][:120]) for rule in serious for node in rule["nodes"]]
