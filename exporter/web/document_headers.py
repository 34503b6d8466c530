"""The headers of an HTML document that needs nothing but its own style sheet."""


def headers_of_document(style_sha256: str) -> dict[str, str]:
    """What keeps a browser from loading or running anything; the style sheet is named by its SHA-256, in base64."""
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{style_sha256}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
