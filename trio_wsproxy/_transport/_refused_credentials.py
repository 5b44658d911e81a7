"""What to say where a proxy wants credentials, or others: what was sent, and what it offers."""

from __future__ import annotations

from trio_wsproxy._auth import Authentication, ProxyChallenge
from trio_wsproxy._failures import Topic, Words, words
from trio_wsproxy._redaction import shown_text

from ._hop import Hop


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
    remedy = _what_to_give(hop, authentication, challenges)
    if authentication.hides_others:
        remedy = words(
            "{remedy}; proxy_auth= is for proxies without credentials in their URL: "
            "take these out and it is used",
            remedy=remedy,
        )
    return remedy


def _what_to_give(
    hop: Hop, authentication: Authentication, challenges: list[ProxyChallenge]
) -> Words:
    offered = {challenge.scheme.lower() for challenge in challenges}
    offer = offer_of(challenges)
    able = {name.lower() for name in authentication.schemes}
    if authentication.problem:
        return words("{problem}{offer}", problem=authentication.problem, offer=offer)
    if not able:
        if offered and not offered & {"basic", "digest"}:
            give = Topic.GIVE_CREDENTIALS
            return words("it wants credentials{offer}: {give}", offer=offer, give=give)
        return words(
            "it wants credentials{offer}: put user:password@ into the proxy URL", offer=offer
        )
    if offered & {name.lower() for name in authentication.forbidden} and not able & offered:
        return words(
            "it offers {names}; {forbidden} is kept from http:// proxies by require_tls=True: use "
            "https:// for its scheme if it speaks TLS",
            names=names_of(challenges),
            forbidden=" and ".join(dict.fromkeys(authentication.forbidden)),
        )
    if offered and not able & offered:
        return words(
            "it offers {names}, and there are credentials for {given}: {other}",
            names=names_of(challenges),
            given=", ".join(dict.fromkeys(authentication.schemes)),
            other=Topic.OTHER_CREDENTIALS,
        )
    if authentication.withheld and offered == {"basic"}:
        return words(
            "it offers Basic alone now, and nothing but TLS keeps a password from being read then, "
            "which was not sent, for it has asked for a stronger scheme before: use https:// for its "
            "scheme if it speaks TLS, or insist with BasicAuth alone in proxy_auth="
        )
    if not authentication.said:
        return _nothing_was_sent(challenges)
    return words(
        "it refuses these credentials{offer}: check {what} {place}",
        offer=offer,
        what="the token" if set(authentication.said) == {"Bearer"} else "user name and password",
        place="in the proxy URL" if hop.proxy.username is not None else "of proxy_auth=",
    )


def _nothing_was_sent(challenges: list[ProxyChallenge]) -> Words:
    """Say why there are credentials, and none was sent."""
    if not challenges:
        return words(
            "it wants credentials and names no scheme for them, so nothing was sent: put the scheme "
            "that it takes first in proxy_auth=; BasicAuth and BearerAuth are sent unasked then"
        )
    known = ("algorithm", "qop")
    asked = {
        f"{name}={challenge.parameters[name]}"
        for challenge in challenges
        for name in known
        if name in challenge.parameters
    }
    return words(
        "it asks for what is not spoken here{offer}, so nothing was sent{asked}: {other}",
        offer=offer_of(challenges),
        asked=f" ({shown_text(', '.join(sorted(asked)))})" if asked else "",
        other=Topic.OTHER_CREDENTIALS,
    )
