"""HTTP/1.1 as far as it is spoken here: one exchange, the headers, what an answer proves.

:class:`Exchange` asks and reads the answer, for a proxy's ``CONNECT`` and for the opening
handshake; what went wrong is a :class:`Problem`, which its callers turn into their own errors.
Heads of requests are written in ``_request``. Headers that users give become pairs of bytes in
``_headers``; what an unexpected answer proves about who sent it is read in ``_proof``, what it says in
words in ``_said``, and the title of a page in ``_page``. What is no HTTP at all is recognised in ``_sign``.
"""

from ._exchange import MAX_BODY, Answer, Exchange, FinalHead, Problem, ProblemKind
from ._head import MAX_HEAD, plain_fields, read_fields
from ._headers import (
    FRAMING,
    HeaderPairs,
    HeadersArgument,
    ProxyHeadersArgument,
    header_pairs,
    proxy_header_pairs,
)
from ._page import page_title
from ._proof import IS_PROXY, redirected, refused_by_proxy, refused_by_server
from ._request import request_head
from ._said import said_in, told_body
from ._sign import Sign, Speaks, sign_of

__all__ = [
    "FRAMING",
    "IS_PROXY",
    "MAX_BODY",
    "MAX_HEAD",
    "Answer",
    "Exchange",
    "FinalHead",
    "HeaderPairs",
    "HeadersArgument",
    "Problem",
    "ProblemKind",
    "ProxyHeadersArgument",
    "Sign",
    "Speaks",
    "header_pairs",
    "page_title",
    "plain_fields",
    "proxy_header_pairs",
    "read_fields",
    "redirected",
    "refused_by_proxy",
    "refused_by_server",
    "request_head",
    "said_in",
    "sign_of",
    "told_body",
]
