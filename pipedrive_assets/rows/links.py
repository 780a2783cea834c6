"""Remove credentials from links: passwords and tokens must not be loaded into a warehouse.

Pipedrive stores links as it receives them: meeting links with a passcode, file links with a
signature that gives access.
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
    """Return whether a key contains a link; Pipedrive's names end in `url`."""
    return name.endswith("url")


def without_credentials(link: str) -> str:
    """Remove user and password from a link, and replace secret parameters by `***`."""
    return _SECRET.sub(rf"\g<1>{HIDDEN}", _USER.sub(r"\1", link))


def coerce_link(value: object) -> object:
    """Coerce to text, and remove credentials from the link."""
    fitted = coerce_text(value)
    return without_credentials(fitted) if isinstance(fitted, str) else fitted


def cleaned(value: Any) -> Any:
    """Return a copy of a JSON value with credentials removed from its links."""
    if isinstance(value, list):
        return [cleaned(each) for each in value]
    if not isinstance(value, dict):
        return value
    out = dict(value)
    for name, each in value.items():
        if isinstance(each, str):
            if is_link(name):
                out[name] = without_credentials(each)
        elif isinstance(each, (dict, list)):
            out[name] = cleaned(each)
    return out
