"""The Python edition of configurable-http-proxy, with what JupyterLab and a class need put right."""

from configurable_http_proxy import configproxy, handlers
from configurable_http_proxy.cli import main
from tornado.httpclient import AsyncHTTPClient


class ProxyHandler(handlers.ProxyHandler):
    """Passes on what kernels and pages tell each other, in the protocol that they agree on."""

    def select_subprotocol(self, offered):
        """The protocol that the server chose; without an answer, browsers break the connection off."""
        return self.ws_client.selected_subprotocol

    def on_message(self, message):
        """Send bytes on as bytes; otherwise, they would arrive as text."""
        if self.ws_client:
            self.ws_client.write_message(message, binary=isinstance(message, bytes))


configproxy.ProxyHandler = ProxyHandler
AsyncHTTPClient.configure(None, max_clients=1000)  # its default is ten at a time, for the whole class
main()
