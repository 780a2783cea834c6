"""Describes why there was no complete reply, from the classes of the libraries' exceptions."""

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0

UNTRUSTED = {"SSLCertVerificationError", "CertificateError"}
"""Exceptions of the libraries for a certificate that is not trusted; retrying cannot help."""

NOT_TRUSTED = (
    "The certificate of {url} is not trusted, so no token was sent. Check "
    "PIPEDRIVE_BASE_URL and this machine's clock. Where a proxy inspects TLS, set "
    "REQUESTS_CA_BUNDLE to a file that includes the proxy's root certificate. Then run again."
)

PROXY = {"ProxyError", "InvalidProxyURL"}
NO_ADDRESS = {"gaierror", "NameResolutionError"}
_TROUBLES = (
    (PROXY, "the proxy failed; check HTTPS_PROXY and NO_PROXY"),
    (
        NO_ADDRESS,
        "the host name of {url} has no address; check the network, DNS and PIPEDRIVE_BASE_URL",
    ),
    (
        {"SSLError"},
        "the TLS handshake with {url} failed; check the network, firewall and proxy",
    ),
    (
        {"ConnectionRefusedError"},
        "the connection to {url} was refused; check PIPEDRIVE_BASE_URL and the proxy settings",
    ),
    (
        {"ConnectTimeout", "ConnectTimeoutError"},
        f"no connection to {{url}} within {CONNECT_SECONDS:.0f} s; check the firewall and proxy",
    ),
    (
        {"ReadTimeout", "ReadTimeoutError", "TimeoutError"},
        "no data was received for {seconds:g} s",
    ),
    ({"ContentDecodingError", "DecodeError"}, "the reply could not be decompressed"),
)


def trouble(error: BaseException, url: str, read_seconds: float = READ_SECONDS) -> str:
    """Describe a connection error and what to check.

    Only the class names of the error are used, because the libraries' messages quote the request.

    Args:
        error: The exception.
        url: Base URL of the account.
        read_seconds: The read timeout, in seconds.

    Returns:
        The cause and what to check, as a clause without a period.
    """
    kinds = kinds_of(error)
    if kinds & PROXY and kinds & NO_ADDRESS:
        return "the proxy's host name has no address; check HTTPS_PROXY and NO_PROXY"
    for some, sentence in _TROUBLES:
        if kinds & some:
            return sentence.format(url=url, seconds=read_seconds)
    return f"the connection failed ({type(error).__name__})"


def kinds_of(error: BaseException) -> set[str]:
    """Return the class names of an error, of its base classes, and of all errors it wraps."""
    seen: list[BaseException] = [error]
    for each in seen:
        inner = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
        seen += [one for one in inner if isinstance(one, BaseException) and one not in seen]
    return {kind.__name__ for each in seen for kind in type(each).__mro__}
