"""Who are you? Proxy authentication: its schemes, and what is said to a challenge.

Each scheme is a :class:`ProxyAuth`: Basic, Digest, Bearer, Negotiate and NTLM, or a user's own. An
:class:`Authentication` is the conversation of one hop: it knows the schemes that there are
credentials for, and picks the one that answers; whose credentials those are is decided in ``_choice``; what it finds out about a proxy is kept for the
next one, in ``_memory``. No I/O happens here, but for what pyspnego does
in a thread.
"""

from ._basic import BasicAuth, BearerAuth, basic
from ._challenges import ProxyChallenge, parse_challenges
from ._choice import (
    Chosen,
    check_carried,
    from_program,
    from_url,
    lacks_library,
    not_carried,
    unasked,
)
from ._conversation import MAX_ROUNDS, Authentication
from ._digest import DigestAuth, can_answer_digest
from ._memory import forget_proxies
from ._names import SchemeName, parse_names, titles
from ._scheme import (
    CheckedProxyAuth,
    ProxyAuth,
    ProxyAuthArgument,
    ProxyAuthConversation,
    ProxyAuthRequest,
    check_proxy_auth,
)
from ._spnego import NegotiateAuth, NTLMAuth

__all__ = [
    "MAX_ROUNDS",
    "Authentication",
    "BasicAuth",
    "BearerAuth",
    "CheckedProxyAuth",
    "Chosen",
    "DigestAuth",
    "NTLMAuth",
    "NegotiateAuth",
    "ProxyAuth",
    "ProxyAuthArgument",
    "ProxyAuthConversation",
    "ProxyAuthRequest",
    "ProxyChallenge",
    "SchemeName",
    "basic",
    "can_answer_digest",
    "check_carried",
    "check_proxy_auth",
    "forget_proxies",
    "from_program",
    "from_url",
    "lacks_library",
    "not_carried",
    "parse_challenges",
    "parse_names",
    "titles",
    "unasked",
]
