"""Words that are put together when somebody reads them.

Theory of operation
-------------------

What went wrong is told to a program's author, who has parameters (``proxy=``), and to a shell's user,
who has options (``--proxy``). So a message is kept as a template with named slots, a literal of our
own, and the values of the slots. Where a message names an option, or says how to set one, the value
is a :class:`Topic`; a vocabulary has a phrase for each topic. A value may be other words.

Only templates are parsed. A value is put in as it is, whatever braces a server or a setting has in
it, and nobody searches the finished text for anything.

``str()`` of words speaks to programs, so that any exception may be raised with words as its
argument: ``raise ValueError(words("{option}: …", option=Topic.SUBPROTOCOLS))``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

from trio_wsproxy._records import Record


class Topic(Enum):
    """What is called differently in programs and on the command line; ``PARAMETERS`` shows how."""

    ARGUMENT = "the place of a setting that was given to us"
    PAC_ARGUMENT = "… of a PAC script"
    NAME_PAC = "where to name a PAC script"
    PROXY = "the option for the proxy"
    BY_PROXY = "… behind a verb: by which means"
    WAY = "the proxies that were given"
    DIRECT = "what to give for a direct connection"
    ASKED_DIRECT = "what was given for a direct connection"
    EXTRA_HEADERS = "the option for headers of the request"
    BY_EXTRA_HEADERS = "… behind a verb"
    SUBPROTOCOLS = "the option for subprotocols"
    BY_SUBPROTOCOLS = "… behind a verb, too"
    OR_PROXY_HEADERS = "the other way to send a header to proxies, if there is one"
    CONNECT_TIMEOUT = "the option for the longest wait"
    DISCONNECT_TIMEOUT = "the option for the longest wait for the peer's part of closing"
    MAX_MESSAGE_SIZE = "the option for the longest message"
    SSL_CONTEXT = "the option for TLS with the server"
    PROXY_SSL_CONTEXT = "the option for TLS with the proxy"
    TRUST_SERVER = "how to trust an authority that signs for servers"
    TRUST_PROXY = "… for proxies"
    TRUST_OWN = "… for a proxy that has a context of its own"
    ASK_FOR_NAME = "how to ask a proxy for another name than that of its URL"
    CLIENT_CERTIFICATE = "how to give a certificate of one's own"
    GIVE_CREDENTIALS = "how to give credentials that a URL cannot carry"
    OTHER_CREDENTIALS = "how to give others"
    PROXY_AUTH = "the option for schemes of authentication"
    OF_CREDENTIALS = "whose user name and password they are, where not a URL's"
    GIVE_MISSING = "where to give the password that a user name lacks"
    GIVE_MISSING_TO_URL = "… and that stands in a proxy URL"
    SEND_FIRST = "how to have credentials sent to a proxy that names no scheme for them"
    KERBEROS_NAME = "where to give the name that Kerberos knows a proxy by"
    NETRC = "what has netrc looked at"
    KEYRING = "what has the keyring looked at"
    MAX_REDIRECTS = "the option for how many redirects to follow"
    FOLLOW_REDIRECT = "how to follow one, where none is followed"
    REDIRECT_POLICY = "the function that decides on redirects"
    GRANT_PRIVATE = "how to let a redirect lead to a private address"
    GRANT_CONTEXT = "how to use a context at another origin"
    SEE_ANSWER = "where to see all of an answer"
    LOST = "an end without a close frame: the code, and what that means"


Vocabulary: TypeAlias = Mapping[Topic, str]


def trusting(option: str) -> str:
    """Say how to trust an authority to whoever gives a context by that option of a program."""
    return (
        f"name the authority's file in SSL_CERT_FILE or in {option}=ssl.create_default_context"
        f"(cafile=…), or give {option}= a context of the package truststore, which trusts what the "
        "system trusts"
    )


def showing_certificate(option: str) -> str:
    """Say how to show a certificate to servers, by that option of a program, and to proxies."""
    return (
        f"load one into the context (load_cert_chain) of {option}=, for a proxy of "
        "proxy_ssl_context="
    )


#: What options are called in a program.
PARAMETERS: Vocabulary = MappingProxyType(
    {
        Topic.ARGUMENT: "argument proxy=",
        Topic.PAC_ARGUMENT: "argument proxy=",
        Topic.NAME_PAC: "name it in the variable TRIO_WSPROXY_PAC, or in a program as proxy=PAC(…)",
        Topic.PROXY: "proxy=",
        Topic.BY_PROXY: "in proxy=",
        Topic.WAY: "proxy=",
        Topic.DIRECT: "None",
        Topic.ASKED_DIRECT: "proxy=None",
        Topic.EXTRA_HEADERS: "extra_headers",
        Topic.BY_EXTRA_HEADERS: "extra_headers=",
        Topic.SUBPROTOCOLS: "subprotocols",
        Topic.BY_SUBPROTOCOLS: "subprotocols=",
        Topic.OR_PROXY_HEADERS: ", or use proxy_headers=",
        Topic.CONNECT_TIMEOUT: "connect_timeout",
        Topic.DISCONNECT_TIMEOUT: "disconnect_timeout",
        Topic.MAX_MESSAGE_SIZE: "max_message_size",
        Topic.SSL_CONTEXT: "ssl_context",
        Topic.PROXY_SSL_CONTEXT: "proxy_ssl_context",
        Topic.TRUST_SERVER: trusting("ssl_context"),
        Topic.TRUST_PROXY: trusting("proxy_ssl_context"),
        Topic.TRUST_OWN: (
            "let the context that this Proxy(…, ssl_context=…) has trust it: "
            "context.load_verify_locations(…)"
        ),
        Topic.ASK_FOR_NAME: "Proxy(…, server_hostname=…) asks for one that is not in the URL",
        Topic.CLIENT_CERTIFICATE: showing_certificate("ssl_context"),
        Topic.GIVE_CREDENTIALS: "give them with proxy_auth=",
        Topic.OTHER_CREDENTIALS: "see proxy_auth=",
        Topic.PROXY_AUTH: "proxy_auth=",
        Topic.OF_CREDENTIALS: "of proxy_auth=",
        Topic.GIVE_MISSING: "give one in proxy_auth=",
        Topic.GIVE_MISSING_TO_URL: "put user:password@ into the proxy URL",
        Topic.SEND_FIRST: (
            "put the scheme that it takes first in proxy_auth=; there BasicAuth and BearerAuth are sent "
            "without being asked for"
        ),
        Topic.KERBEROS_NAME: (
            "write the name that Kerberos knows it by into the proxy URL, or into "
            "NegotiateAuth(hostname=…)"
        ),
        Topic.NETRC: 'proxy_auth="netrc"',
        Topic.KEYRING: 'proxy_auth="keyring"',
        Topic.MAX_REDIRECTS: "max_redirects",
        Topic.FOLLOW_REDIRECT: "max_redirects=1 follows it (the default is 0)",
        Topic.REDIRECT_POLICY: "redirect_policy",
        Topic.GRANT_PRIVATE: "redirect_policy gives RedirectGrant(private=True)",
        Topic.GRANT_CONTEXT: "redirect_policy can give RedirectGrant(ssl_context=…)",
        Topic.SEE_ANSWER: "see the error's .headers and .body for what it says",
        Topic.LOST: (
            "(1006 ABNORMAL_CLOSURE): it ended without a close; the server or a proxy has gone"
        ),
    }
)


class Words(Record):
    """A message that is not worded yet; make it with :func:`words`.

    Attributes:
      template: As for :meth:`str.format`, with named slots.
      values: What fills the slots, by name.

    """

    __slots__ = ("template", "values")

    def __init__(self, template: str, values: tuple[tuple[str, Value], ...] = ()) -> None:
        self.template = template
        self.values = values

    def render(self, vocabulary: Vocabulary) -> str:
        """Put the words together.

        Args:
          vocabulary: What the reader calls our options.

        """
        return self.template.format(
            **{name: render(value, vocabulary) for name, value in self.values}
        )

    def __str__(self) -> str:
        return self.render(PARAMETERS)

    def __repr__(self) -> str:
        return repr(str(self))


Value: TypeAlias = "str | int | float | Topic | Words"


def words(template: str, /, **values: Value) -> Words:
    """Make words.

    Args:
      template: A literal, as for :meth:`str.format`; what others wrote is a value, never a part of it.
      values: For each slot: text that is fit to be shown, a number, a topic, or other words.

    """
    return Words(template, tuple(values.items()))


def render(value: Value, vocabulary: Vocabulary) -> str | int | float:
    """Say a value to a reader with this vocabulary; numbers are left for the template to format."""
    if isinstance(value, Words):
        return value.render(vocabulary)
    if isinstance(value, Topic):
        return vocabulary[value]
    return value
