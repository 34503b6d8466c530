"""The two shapes of error that Hex answers with, by family of endpoints."""

from collections.abc import Mapping
from enum import StrEnum
from http import HTTPStatus

_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    422: "UNPROCESSABLE_CONTENT",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


class Shape(StrEnum):
    """Which keys an error has: `reason` with `traceId`, or `message` with `code`."""

    OLDER = "older"
    NEWER = "newer"


class RefusalError(Exception):
    """An answer other than the requested one. `headers` are added to it."""

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})

    def body(self, shape: Shape, trace_id: str) -> dict[str, object]:
        """The JSON body in the shape of a family of endpoints."""
        if shape is Shape.OLDER:
            return {"reason": self.reason, "traceId": trace_id}
        code = _CODES.get(self.status, HTTPStatus(self.status).name)
        return {"message": self.reason, "code": code, "issues": [{"message": self.reason}]}
