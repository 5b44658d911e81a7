"""What to say where a proxy wants credentials, or others: what it offers, what was said, what can be tried.

A proxy judges a password only where it was said in a scheme that it offers: Basic goes out unasked, and
a proxy that wants Digest has not looked at it. So nobody is told to check a password that was not judged.
"""

from __future__ import annotations

from trio_wsproxy._auth import (
    Authentication,
    ProxyChallenge,
    can_answer_digest,
    lacks_library,
    titles,
)
from trio_wsproxy._failures import Topic, Value, Words, words
from trio_wsproxy._redaction import shown_text
from trio_wsproxy._routing import holds_urls

from ._hop import Hop

_PASSWORD = words("put user:password@ into the proxy URL")
_DOMAIN = words("put DOMAIN%5Cuser:password@ into the proxy URL")
_TICKET = words("put :@ into the proxy URL for single sign-on")
_OR_TICKET = words("or :@ for single sign-on")
_SINGLE_SIGN_ON = {"negotiate", "ntlm"}  # the schemes of it
# Where a PAC script or a desktop names host and port, there is no URL to put them into.
_PASSWORD_ELSEWHERE = words(
    "name it {by} or in https_proxy, as http://user:password@host:port", by=Topic.BY_PROXY
)
_DOMAIN_ELSEWHERE = words(
    "name it {by} or in https_proxy, as http://DOMAIN%5Cuser:password@host:port", by=Topic.BY_PROXY
)
_TICKET_ELSEWHERE = words("put negotiate into {option} for single sign-on", option=Topic.PROXY_AUTH)


def offer_of(challenges: list[ProxyChallenge]) -> str:
    """Say what a proxy offers, behind what it wants; nothing where it offers nothing."""
    return f" (it offers {names_of(challenges)})" if challenges else ""


def names_of(challenges: list[ProxyChallenge]) -> str:
    """Name the schemes, each of them once; nobody has named any of them but the proxy."""
    return shown_text(", ".join(dict.fromkeys(challenge.scheme for challenge in challenges)))


def credentials_remedy(
    hop: Hop, authentication: Authentication, challenges: list[ProxyChallenge]
) -> Words:
    """Say what the proxy offers, and what can be done about it."""
    offered = {challenge.scheme.lower() for challenge in challenges}
    offer = offer_of(challenges)
    able = {name.lower() for name in authentication.schemes}
    judged = [x for x in authentication.said if not offered or x.lower() in offered]
    if not able and not authentication.impossible:
        return words(
            "it wants credentials{offer}: {give}", offer=offer, give=_what_to_give(hop, offered)
        )
    if authentication.withheld and offered == {"basic"}:
        return words(
            "it offers Basic alone now, where everybody on the way can read the password, and has offered "
            "a stronger scheme before, so nothing was sent: use https:// for its scheme if it speaks TLS, "
            "or name basic alone in {option}",
            option=_option(hop),
        )
    if judged:
        refused = _refused(hop, authentication, judged, offer)
        return _joined(
            [refused, *_spared(hop, authentication), *_reasons(authentication, challenges)]
        )
    if not offered:
        return words(
            "it wants credentials and names no scheme for them, so nothing was sent: {remedy}",
            remedy=Topic.SEND_FIRST,
        )
    return _not_spoken(hop, authentication, challenges)


def _what_to_give(hop: Hop, offered: set[str]) -> Words:
    """Say what to write where there are no credentials at all."""
    in_url = holds_urls(hop.source)
    ways = []
    with_password = not offered or bool(offered & {"basic", "digest"})
    if with_password:
        ways.append(_PASSWORD if in_url else _PASSWORD_ELSEWHERE)
    elif "ntlm" in offered:
        ways.append(_DOMAIN if in_url else _DOMAIN_ELSEWHERE)
    if "negotiate" in offered:
        ticket = _OR_TICKET if ways else _TICKET
        ways.append(ticket if in_url else _TICKET_ELSEWHERE)
    if not ways:
        return words("{give}", give=Topic.GIVE_CREDENTIALS)
    give = _joined(ways, ", " if in_url else ", or ")
    lacking = None if with_password else next(filter(None, map(lacks_library, offered)), None)
    return _joined([give, lacking]) if lacking else give


def _refused(hop: Hop, authentication: Authentication, judged: list[str], offer: str) -> Words:
    """Blame what a proxy has judged."""
    names = {name.lower() for name in judged}
    if names <= authentication.broken_off:
        return words(
            "it refused NTLM before its challenge, so it has not judged user name and password{offer}: "
            "it does not speak NTLM with this user or this machine, or wants another scheme; whoever runs "
            "it knows which",
            offer=offer,
        )
    if names == {"bearer"}:
        what: Value = words("check the token {place}", place=_whose(hop))
    elif names <= {"negotiate", "ntlm"} and not authentication.has_password:
        what = words(
            "is this user allowed there, and is its host in the proxy URL the name that Kerberos knows it "
            "by? klist shows the tickets"
        )
    elif authentication.lacks_password:
        return words(
            "{missing}, and it refuses the user name alone{offer}: {give}",
            missing=missing_password(hop),
            offer=offer,
            give=give_password(hop),
        )
    else:
        what = words("check user name and password {place}", place=_whose(hop))
    said = f", said as {titles(judged)}" if len(names) > 1 else ""
    return words(
        "it refuses these credentials{said}{offer}: {what}", said=said, offer=offer, what=what
    )


def _whose(hop: Hop) -> Value:
    """Say where user name and password come from."""
    return "in the proxy URL" if hop.proxy.username is not None else Topic.OF_CREDENTIALS


def missing_password(hop: Hop) -> str:
    """Say that there is no password beside a user name."""
    return "the password is empty" if hop.proxy.password == "" else "no password was given"


def give_password(hop: Hop) -> Words:
    """Say where the password goes that is missing."""
    if hop.proxy.username is None:
        return words("{give}", give=Topic.GIVE_MISSING)
    if hop.source is Topic.ARGUMENT and hop.proxy.password is None:
        return words("{give}", give=Topic.GIVE_MISSING_TO_URL)
    return _PASSWORD


def _not_spoken(
    hop: Hop, authentication: Authentication, challenges: list[ProxyChallenge]
) -> Words:
    """Say why nothing was said that a proxy offers, and what would be."""
    offered = {challenge.scheme.lower() for challenge in challenges}
    able = {name.lower() for name in authentication.schemes}
    said = dict.fromkeys(authentication.said)
    first = words(
        "it offers {names}, {said}",
        names=names_of(challenges),
        said=_sent_first(list(said)) if said else "so nothing was sent",
    )
    reasons = _reasons(authentication, challenges)
    if not (reasons or said or offered & _SINGLE_SIGN_ON) and _has_only_tickets(
        hop, authentication
    ):
        first = words(
            "it offers only {names} (no single sign-on{meant}), so nothing was sent",
            names=names_of(challenges),
            meant=", which :@ means" if hop.proxy.is_single_sign_on else "",
        )
    elif not reasons:
        given = ", ".join(dict.fromkeys(authentication.schemes)) or "none of these"
        reasons = [words("there are credentials for {given}", given=given)]
    remedies = _remedies(hop, authentication, offered - able - authentication.impossible.keys())
    if not remedies and not authentication.impossible.keys() & offered:
        remedies = [words("{other}", other=Topic.OTHER_CREDENTIALS)]
    return words("{what}: {then}", what=first, then=_joined([*reasons, *remedies]))


def _has_only_tickets(hop: Hop, authentication: Authentication) -> bool:
    """Tell whether whoever has logged in on this machine is all that a proxy could be told."""
    return hop.proxy.is_single_sign_on or not authentication.has_password


def _sent_first(said: list[str]) -> str:
    """Name what a proxy was told that does not offer it."""
    return f"but not {titles(said)}, which {'was' if len(said) == 1 else 'were'} sent first"


def _spared(hop: Hop, authentication: Authentication) -> list[Words]:
    """Say that a refused password was not tried in other schemes, and how it would be."""
    names = list(dict.fromkeys(name.lower() for name in authentication.spared))
    if not names:
        return []
    return [
        words(
            "they were not tried as {titles}, for several wrong passwords in a row lock an account: to try "
            "that, name {names} alone in {option}",
            titles=titles(names),
            option=_option(hop),
            names=" or ".join(names),
        )
    ]


def _reasons(authentication: Authentication, challenges: list[ProxyChallenge]) -> list[Words]:
    """Say of each scheme that is offered and was not spoken why that is so."""
    reasons = []
    said = {name.lower() for name in authentication.said}
    for name in dict.fromkeys(challenge.scheme.lower() for challenge in challenges):
        if name in authentication.impossible:
            reasons.append(authentication.impossible[name])
        elif name in said:
            continue
        elif name in {one.lower() for one in authentication.forbidden}:
            reasons.append(
                words(
                    "{name} is kept from http:// proxies by require_tls=True: use https:// for its "
                    "scheme if it speaks TLS",
                    name=titles([name]),
                )
            )
        elif name == "digest" and name in {one.lower() for one in authentication.schemes}:
            reasons += _unanswerable(challenges)
    return reasons


def _unanswerable(challenges: list[ProxyChallenge]) -> list[Words]:
    """Say of Digest what it is asked for that is not spoken here."""
    digests = [challenge for challenge in challenges if challenge.scheme.lower() == "digest"]
    if any(map(can_answer_digest, digests)):
        return []
    asked = {
        f"{name}={challenge.parameters[name]}"
        for challenge in digests
        for name in ("algorithm", "qop")
        if name in challenge.parameters
    } or {"without realm or nonce"}
    what = shown_text(", ".join(sorted(asked)))
    return [words("Digest as it asks for it is not spoken here ({what})", what=what)]


def _remedies(hop: Hop, authentication: Authentication, unused: set[str]) -> list[Words]:
    """Say how the other schemes that a proxy offers are used."""
    names = [name for name in ("negotiate", "ntlm", "digest", "basic") if name in unused]
    name_them = words("name {names} in {option}", names=" and ".join(names), option=_option(hop))
    if not names:
        return []
    if authentication.has_password:
        if hop.proxy.username is None and not authentication.ordered:
            return []  # they are objects of a program's
        return [words("to use them for {titles}, {how}", titles=titles(names), how=name_them)]
    remedies = []
    if names != ["negotiate"]:
        in_url, elsewhere = (
            (_DOMAIN, _DOMAIN_ELSEWHERE) if "ntlm" in names else (_PASSWORD, _PASSWORD_ELSEWHERE)
        )
        remedies.append(in_url if holds_urls(hop.source) else elsewhere)
    if authentication.ordered:
        remedies.append(name_them)
    return remedies


def _option(hop: Hop) -> Value:
    """Name what chooses the schemes for this proxy."""
    return Topic.PROXY_AUTH if hop.source is Topic.ARGUMENT else "TRIO_WSPROXY_AUTH"


def _joined(parts: list[Words], between: str = "; ") -> Words:
    """Put several words behind each other."""
    joined = parts[0]
    for part in parts[1:]:
        joined = words("{one}{between}{two}", one=joined, between=between, two=part)
    return joined
