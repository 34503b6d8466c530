"""What stands before the application: rate limit, headers and passwords of the web configuration file."""

import time
from collections.abc import Callable, Mapping

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.web.auth import BusyError, Passwords
from exporter.web.web_config_file import WebConfigFile
from exporter.web.web_config_schema import RateLimit


class WebConfigMiddleware:
    """An ASGI application that lets a request through to another if the web configuration file says so."""

    def __init__(
        self, app: ASGIApp, web_file: WebConfigFile, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._app = app
        self._web_file = web_file
        self._passwords = Passwords()
        self._bucket = Bucket(RateLimit(), monotonic)
        self._monotonic = monotonic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, or have it answered."""
        config = self._web_file.current().config
        if config.rate_limit != self._bucket.rate_limit:
            self._bucket = Bucket(config.rate_limit, self._monotonic)
        send = _with_headers(send, config.http.headers)

        if not self._bucket.take():
            await PlainTextResponse("Too Many Requests\n", 429)(scope, receive, send)
            return
        if config.users:
            try:
                is_right = await self._passwords.is_right(_authorization(scope), config.users)
            except BusyError:
                await PlainTextResponse("Too many logins at once\n", 503)(scope, receive, send)
                return
            if not is_right:
                challenge = {"WWW-Authenticate": 'Basic realm="hex-exporter", charset="UTF-8"'}
                await PlainTextResponse("Unauthorized\n", 401, challenge)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def close(self) -> None:
        """Stop checking passwords."""
        self._passwords.close()


class Bucket:
    """A token bucket: full at first, one token more each interval."""

    def __init__(self, rate_limit: RateLimit, monotonic: Callable[[], float]) -> None:
        self.rate_limit = rate_limit
        self._monotonic = monotonic
        self._tokens = float(rate_limit.burst)
        self._counted_at = monotonic()

    def take(self) -> bool:
        """Take a token, if there is one."""
        if not self.rate_limit.interval_seconds:
            return True
        now = self._monotonic()
        grown = (now - self._counted_at) / self.rate_limit.interval_seconds
        self._tokens = min(float(self.rate_limit.burst), self._tokens + grown)
        self._counted_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _with_headers(send: Send, headers: Mapping[str, str]) -> Send:
    """The same `send`, with these headers in place of the application's own of that name."""
    if not headers:
        return send

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with_headers


def _authorization(scope: Scope) -> str | None:
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    return values[0].decode("latin-1") if len(values) == 1 else None
