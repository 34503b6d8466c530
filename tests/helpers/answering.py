"""A gateway with fixed answers, and the answers that one gives to run requests."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

TOKEN = "hxtw_" + "7d" * 48
STARTED = {"projectId": "p1", "runId": "r1", "runUrl": "https://hex.example/r1", "traceId": "t"}


class Gateway:
    """Gives its answers one after the other, the last one again and again; `requested` has the requests it got."""

    def __init__(self, *answers: Response) -> None:
        self._answers = list(answers)
        self.requested: list[tuple[str, str, dict[str, str], bytes]] = []

    async def __call__(self, scope, receive, send) -> None:
        request = Request(scope, receive)
        self.requested.append((request.method, request.url.path, dict(request.headers), await request.body()))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        await answer(scope, receive, send)


def granted(outcome: str | None = "miss", **more) -> Response:
    return JSONResponse(STARTED | more, 201, {} if outcome is None else {"X-Hex-Exporter-Cache": outcome})


def state(status: str, **more) -> Response:
    return JSONResponse({"projectId": "p1", "runId": "r1", "status": status, **more})
