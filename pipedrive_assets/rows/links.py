"""Links without the credentials in them: passwords and tokens are not for a warehouse.

Pipedrive stores links as other programs gave them: a meeting's with its passcode, a file's with a
signature that opens it.
"""

import re
from typing import Any

from pipedrive_assets.rows.coercion import coerce_text

HIDDEN = "***"
_USER = re.compile(r"^(\s*[a-z][a-z0-9+.-]*://)[^/?#\s]*@", re.IGNORECASE)
_SECRET = re.compile(
    r"([?&;#](?:[\w.%-]*(?:token|secret|password|passwd|passcode|signature|credential|api_?key)"
    r"|auth|key|sig|pwd|pass|jwt|tk)=)[^&;#\s]+",
    re.IGNORECASE,
)


def is_link(name: str) -> bool:
    """Whether a key holds a link, by its name: Pipedrive's end in `url`."""
    return name.endswith("url")


def without_credentials(link: str) -> str:
    """A link without user and password, its secret parameters hidden; any other text as it is."""
    return _SECRET.sub(rf"\g<1>{HIDDEN}", _USER.sub(r"\1", link))


def coerce_link(value: object) -> object:
    """As text fits, without credentials."""
    fitted = coerce_text(value)
    return without_credentials(fitted) if isinstance(fitted, str) else fitted


def cleaned(value: Any) -> Any:
    """The same JSON, its links without credentials."""
    if isinstance(value, dict):
        return {
            name: without_credentials(each)
            if isinstance(each, str) and is_link(name)
            else cleaned(each)
            if isinstance(each, dict | list)
            else each
            for name, each in value.items()
        }
    return [cleaned(each) for each in value] if isinstance(value, list) else value
