"""What may be passed as a scheme, and that none shows its secret."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from trio_wsproxy import (
    BasicAuth,
    BearerAuth,
    DigestAuth,
    NegotiateAuth,
    NTLMAuth,
    ProxyAuth,
)
from trio_wsproxy._auth._scheme import check_proxy_auth


def test_proxy_auth_argument() -> None:
    """One scheme, several, "netrc" and nothing are taken."""
    one, two = BasicAuth("u", "p"), DigestAuth("u", "p")
    assert check_proxy_auth(None, name="x") == ()
    assert check_proxy_auth(one, name="x") == (one,)
    assert check_proxy_auth([two, one], name="x") == (two, one)
    assert check_proxy_auth("netrc", name="x") == "netrc"
    assert check_proxy_auth("keyring", name="x") == "keyring"


@pytest.mark.parametrize(
    "argument", ["s3cret", ("basic", "s3cret"), ("s3cret",), [BasicAuth], 5, False, object()]
)
def test_proxy_auth_of_another_type(argument: Any) -> None:
    """Anything else is refused by name, without showing it."""
    with pytest.raises(TypeError, match=r"^proxy_auth ") as caught:
        check_proxy_auth(argument, name="proxy_auth")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("argument", ["user:s3cret", ("user", "s3cret"), ["user", "s3cret"]])
def test_a_pair_is_no_scheme(argument: Any) -> None:
    """A user name and a password, as other libraries take them, are told which object to make."""
    with pytest.raises(TypeError) as caught:
        check_proxy_auth(argument, name="proxy_auth")
    hint = "proxy_auth: for a user name and a password write BasicAuth(user, password)"
    assert str(caught.value) == hint


@pytest.mark.parametrize(
    "auth",
    [
        BasicAuth("ada", "s3cret"),
        DigestAuth("ada", "s3cret"),
        BearerAuth("s3cret"),
        NegotiateAuth("ada", "s3cret"),
        NTLMAuth("ada", "s3cret"),
    ],
)
def test_secrets_are_not_shown(auth: ProxyAuth) -> None:
    """No scheme shows its secret; each can be compared, copied, pickled and used as a key."""
    assert "s3cret" not in f"{auth} {auth!r}"
    assert pickle.loads(pickle.dumps(auth)) == copy.copy(auth) == auth
    assert hash(copy.copy(auth)) == hash(auth)
