"""Credentials for a proxy out of ``~/.netrc``, for those who ask for it."""

from __future__ import annotations

from trio_wsproxy._exceptions import misconfigured

from ._system import netrc_file


def netrc_credentials(host: str) -> tuple[str, str] | None:
    """Look a host up in the file that ``NETRC`` names, or else in ``~/.netrc``.

    The file is read here and now; it is a few lines long, so it is not worth a thread.

    Args:
      host: The proxy's host.

    Returns:
      User name and password; ``None`` if there is neither an entry for the host nor a
      ``default`` one.

    Raises:
      ProxyConfigError: There is no such file, or it cannot be read; before Python 3.11 also
        for an entry, of whatever host, that lacks a user name or a password.

    """
    import netrc  # for the few who ask for it

    path = netrc_file()
    where = f'proxy_auth="netrc": the file {path}'
    try:
        entry = netrc.netrc(path).authenticators(host)
    except OSError as exc:
        raise misconfigured(f"{where} cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise misconfigured(f"{where} is not UTF-8") from None
    except netrc.NetrcParseError as exc:
        # Its message may show the password that it has stumbled over.
        raise misconfigured(f"{where} is malformed in line {exc.lineno}") from None
    if entry is None:
        return None
    login, account, password = entry
    return login or account or "", password or ""
