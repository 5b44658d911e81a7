"""GNOME, and the desktops that share its settings (Unity, Cinnamon, MATE, Budgie, Pantheon and others).

Read are the keys of ``org.gnome.system.proxy``, all in one call of ``gsettings``; where that is not installed,
those that ``dconf`` has, which leaves out whatever was never set.

As GLib and Chromium read them:

* the mode decides: ``none``, ``manual``, or ``auto``, which is a PAC script; there is no fallback from one to
  the other. ``auto`` without an address is WPAD, which does not exist here;
* ``use-same-proxy`` is documented as unused, but on unless somebody has switched it off: with it the
  proxy for HTTP serves what has none of its own. So it is here;
* an entry of ``ignore-hosts`` covers a name and all below it, also where it begins with ``*.`` (GLib); the list
  counts before a PAC script is asked, too (GLib; Chromium does not look at it then);
* credentials belong to the proxy for HTTP; they are used for the one for HTTPS where both are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from trio_wsproxy._redaction import secret, shown_text
from trio_wsproxy._routing._route import GNOME, Look

from ._asking import Asker, NoProgram
from ._settings import Bypass, DesktopSettings, Setting, url_of
from ._variant import NoVariant, Value, parse_variant

_SCHEMA = "org.gnome.system.proxy"
# Schema and key → value.
_Keys: TypeAlias = Mapping[tuple[str, str], Value]
_DEFAULTS: _Keys = {
    (_SCHEMA, "mode"): "none",
    (_SCHEMA, "use-same-proxy"): True,
    (_SCHEMA, "ignore-hosts"): ["localhost", "127.0.0.0/8", "::1"],
    (f"{_SCHEMA}.http", "port"): 8080,
}


def read_gnome(asker: Asker) -> DesktopSettings:
    """Read the settings of GNOME.

    Args:
      asker: Asks ``gsettings`` or ``dconf``.

    Returns:
      The settings.

    Raises:
      NoAnswer: Neither of them answers.

    """
    try:
        lines = asker.ask("gsettings", "list-recursively", _SCHEMA).splitlines()
        keys = dict(_from_gsettings(lines))
    except NoProgram:
        keys = dict(_from_dconf(asker.ask("dconf", "dump", "/system/proxy/").splitlines()))
    return settings_of({**_DEFAULTS, **keys})


def _from_gsettings(lines: list[str]) -> Iterator[tuple[tuple[str, str], Value]]:
    for line in lines:
        schema, _, rest = line.partition(" ")
        key, _, text = rest.partition(" ")
        yield from _read(schema, key, text)


def _from_dconf(lines: list[str]) -> Iterator[tuple[tuple[str, str], Value]]:
    schema = _SCHEMA
    for line in lines:
        if line.startswith("[") and line.endswith("]"):
            schema = _SCHEMA if line == "[/]" else f"{_SCHEMA}.{line[1:-1]}"
        else:
            key, _, text = line.partition("=")
            yield from _read(schema, key, text)


def _read(schema: str, key: str, text: str) -> Iterator[tuple[tuple[str, str], Value]]:
    try:
        yield (schema, key), parse_variant(text)
    except NoVariant:  # a key that is not ours, of a kind that is not read
        return


def settings_of(keys: _Keys) -> DesktopSettings:
    """Make settings of all keys.

    Args:
      keys: By schema and name.

    """
    mode = _text(keys, _SCHEMA, "mode").strip()
    place = f"{GNOME}, {_SCHEMA} mode"
    settings = DesktopSettings(GNOME, GNOME)
    if mode == "none":
        return settings._replace(looks=(Look(place, mode, "no proxy"),))
    if mode == "auto":
        return _auto(settings, keys, place)
    if mode != "manual":
        note = f"{shown_text(mode)!r} is none of none, manual and auto: no proxy"
        return settings._replace(notes=((place, note),))
    proxies = _proxies(keys)
    settings = settings._replace(
        looks=(Look(place, mode, "the hosts below it count"),),
        proxies=proxies,
        bypass=_ignore_hosts(keys),
    )
    if not proxies:
        note = "manual, but there is no host: no proxy"
        return settings._replace(looks=(), notes=((place, note),))
    return settings


def _auto(settings: DesktopSettings, keys: _Keys, place: str) -> DesktopSettings:
    address = _text(keys, _SCHEMA, "autoconfig-url").strip()
    if address:
        pac = Setting(f"{GNOME}, {_SCHEMA} autoconfig-url", secret(address))
        looks = (Look(place, "auto", "a PAC script counts"),)
        return settings._replace(looks=looks, pac=pac, bypass=_ignore_hosts(keys))
    note = "auto, without an address: that is WPAD, which does not exist here; no proxy"
    return settings._replace(notes=((place, note),))


def _proxies(keys: _Keys) -> dict[str, Setting]:
    http = f"{_SCHEMA}.http"
    address, same = _address(keys, http), keys.get((_SCHEMA, "use-same-proxy")) is True
    username = password = ""
    if keys.get((http, "use-authentication")) is True:
        username = secret(_text(keys, http, "authentication-user"))
        password = secret(_text(keys, http, "authentication-password"))
    found: dict[str, Setting] = {}
    for protocol in ("socks", "https", "http"):
        schema = f"{_SCHEMA}.{protocol}"
        host, port = _address(keys, schema)
        if not host:
            continue
        credentials = (username, password) if (host, port) == address else ("", "")
        found[protocol] = Setting(f"{GNOME}, {schema} host", url_of(host, port, *credentials))
    if same and "http" in found and not {"socks", "https"} & found.keys():
        setting = found["http"]
        found["https"] = setting._replace(place=f"{setting.place} (use-same-proxy)")
    return found


def _address(keys: _Keys, schema: str) -> tuple[str, int]:
    port = keys.get((schema, "port"), 0)
    return _text(keys, schema, "host").strip(), port if isinstance(port, int) else 0


def _ignore_hosts(keys: _Keys) -> Bypass:
    entries = keys.get((_SCHEMA, "ignore-hosts"), [])
    texts = [str(entry) for entry in entries] if isinstance(entries, list) else []
    place = f"{GNOME}, {_SCHEMA} ignore-hosts"
    return Bypass(place, secret(",".join(texts)), "GNOME", for_pac=True)


def _text(keys: _Keys, schema: str, key: str) -> str:
    value = keys.get((schema, key), "")
    return value if isinstance(value, str) else ""
