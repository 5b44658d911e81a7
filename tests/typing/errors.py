"""What ``except`` clauses know."""

from __future__ import annotations

import trio
from typing_extensions import assert_type

from trio_wsproxy import (
    CloseReason,
    ConnectionClosed,
    ConnectionClosedLocally,
    ConnectionEnded,
    ConnectionLost,
    ConnectionRejected,
    ConnectionTimeout,
    DialReport,
    DisconnectionTimeout,
    HandshakeError,
    ProxyAuthenticationError,
    ProxyConfigError,
    ProxyError,
    ProxyProtocolError,
    ProxyRejected,
    ProxyUnreachable,
    ServerRejected,
    ServerUnreachable,
    StageName,
    is_transient,
    open_websocket_url,
)


async def main() -> None:
    try:
        async with open_websocket_url("wss://example.org") as ws:
            assert_type(ws.dial_report, DialReport)
            await ws.send("x")
    except ProxyAuthenticationError as exc:
        assert_type(exc.status_code, int | None)
        assert_type(exc.reply_code, int | None)
    except ProxyRejected as exc:
        assert_type(exc.headers, tuple[tuple[bytes, bytes], ...])
        assert_type(exc.body, bytes)
    except (ProxyUnreachable, ProxyProtocolError, ProxyConfigError) as exc:
        assert_type(exc.proxy, str | None)
        assert_type(exc.hop, int | None)
        assert_type(exc.stage, StageName)
        exc.status_code  # type: ignore[union-attr]
    except ServerUnreachable as exc:
        assert_type(exc.stage, StageName)
        assert_type(exc.dial_report, DialReport)
        assert_type(exc.dial_report.render(60), str)
    except ServerRejected as exc:
        assert_type(exc.dial_report, DialReport)
        exc.hop  # type: ignore[attr-defined]
    except (ConnectionTimeout, DisconnectionTimeout, ConnectionRejected) as exc:
        assert_type(exc.dial_report, DialReport)
    except HandshakeError as exc:
        assert_type(exc.dial_report, DialReport)
        exc.dial_report.anything  # type: ignore[attr-defined]
        assert_type(is_transient(exc), bool)
    except (ConnectionEnded, ConnectionLost, ConnectionClosedLocally) as exc:
        assert_type(exc.reason, CloseReason | None)
    except ConnectionClosed:
        pass


def bases(
    proxy: ProxyError,
    config: ProxyConfigError,
    ended: ConnectionEnded,
    lost: ConnectionLost,
    local: ConnectionClosedLocally,
) -> None:
    errors: list[OSError] = [proxy, config]
    values: list[ValueError] = [config]
    trios: tuple[trio.EndOfChannel, trio.BrokenResourceError, trio.ClosedResourceError]
    trios = (ended, lost, local)
    wrong: ValueError = proxy  # type: ignore[assignment]
    print(errors, values, trios, wrong)
