"""Planted faults on the way: proxies and servers, who hears what, reconnecting, what is told of it."""

from __future__ import annotations

from _mutation import Mutation

MUTATIONS_OF_WAYS = [
    # -- proxies and servers -----------------------------------------------------------------------
    Mutation(
        "an informational answer is the final one",
        "_http/_exchange.py",
        "            if status == 101 or status >= 200:",
        "            if status >= 100:",
        "fragments",
    ),
    Mutation(
        "digest: nc stays 1",
        "_auth/_digest.py",
        "            count=next(nonce.counter),",
        "            count=1,",
        "failover",
    ),
    Mutation(
        "credentials of the last hop go to all",
        "_transport/_dialer.py",
        "await prepare(hop, authority, self._options, self._log)",
        "await prepare(self.hops[-1] if not self.hops[-1].proxy.is_socks else hop, authority, self._options, self._log)",
        "echo",
    ),
    Mutation(
        "the server's headers go to the proxy, too",
        "_client/_attempt.py",
        "        options=plan.dial_options,\n        log",
        "        options=plan.dial_options._replace(proxy_headers=(*plan.dial_options.proxy_headers, *plan.headers)),\n        log",
        "echo",
    ),
    Mutation(
        "what was said to the proxy goes to the next connection's server, too",
        "_transport/_http_connect.py",
        "                return with_prefix(exchange.rest, self._stream)",
        "                return self._stream",
        "greeted",
    ),
    Mutation(
        "a redirect to another origin keeps Authorization",
        "_client/_redirects.py",
        "    if redirect.same_origin:\n        return headers\n    if isinstance(grant.headers, bool):",
        "    if True:\n        return headers\n    if isinstance(grant.headers, bool):",
        "redirects",
    ),
    Mutation(
        "one redirect too many is followed",
        "_client/_attempt.py",
        "                    if followed == plan.max_redirects:",
        "                    if followed == plan.max_redirects + 1:",
        "redirects",
    ),
    Mutation(
        "Host lacks the port",
        "_client/_attempt.py",
        "    request = _request(url, target.host_header, target.resource,",
        "    request = _request(url, target.host, target.resource,",
        "echo",
    ),
    # -- ways --------------------------------------------------------------------------------------
    Mutation(
        "fail-over: who failed is not remembered",
        "_client/_way.py",
        "                    if worth:\n                        note_failure(step, exc)",
        "                    pass",
        "failover",
    ),
    Mutation(
        "fail-over: a slow alternative has all the time",
        "_client/_way.py",
        "        if not others:\n            return await work()",
        "        if True:\n            return await work()",
        "failover",
    ),
    Mutation(
        "fail-over goes round a refusal",
        "_routing/_failover.py",
        "_CANNOT_NOW = frozenset((502, 503, 504))",
        "_CANNOT_NOW = frozenset((403, 502, 503, 504))",
        "refused",
    ),
    Mutation(
        "PAC: the last alternative is tried first",
        "_client/_way.py",
        "        for equipped in (equip(hops, question.schemes) for hops in answer.ways)",
        "        for equipped in (equip(hops, question.schemes) for hops in answer.ways[::-1])",
        "pac",
    ),
    # -- the reconnecting loop ---------------------------------------------------------------------
    Mutation(
        "delays do not grow",
        "_client/_reconnect.py",
        "        self.failures += 1\n",
        "",
        "hour of outages",
    ),
    Mutation(
        "delays never begin anew",
        "_client/_reconnect.py",
        "            self._backoff.reset()\n        delay",
        "            pass\n        delay",
        "hour of outages",
    ),
    Mutation(
        "the loop does not wait behind a connection",
        "_client/_reconnect.py",
        "            delay,\n        )\n        await trio.sleep(delay)\n\n    async def _wait_after",
        "            delay,\n        )\n        await trio.sleep(0)\n\n    async def _wait_after",
        "hour of outages",
    ),
    Mutation(
        "Retry-After is ignored",
        "_client/_reconnect.py",
        "        delay = max(delay, min(asked, most))\n",
        "",
        "hour of outages",
    ),
    Mutation(
        "the loop takes a cancellation for a failed attempt",
        "_client/_reconnect.py",
        "            except Exception as exc:\n                self._check_block()\n                await self._wait_after(exc)\n                continue",
        "            except BaseException as exc:\n                self._check_block()\n                await self._wait_after(exc)\n                continue",
        "reconnecting, cancelled",
    ),
    # -- what is told ------------------------------------------------------------------------------
    Mutation(
        "the report calls a failed stage a good one",
        "_report/_stages.py",
        "        self._ok = kind is None",
        "        self._ok = True",
        "echo",
    ),
    Mutation(
        "the report lacks the TCP stage",
        "_report/_stages.py",
        "        self._log.running.append(self)\n",
        '        if self.name != "tcp":\n            self._log.running.append(self)\n',
        "echo",
    ),
    Mutation(
        "the report lacks the last stage",
        "_report/_stages.py",
        "        return tuple(running.stage() for running in self.running)",
        "        return tuple(running.stage() for running in self.running[:-1])",
        "echo",
    ),
    Mutation(
        "the token of the server is told in the log",
        "_http/_exchange.py",
        '        logger.debug("asks %s: %s", self._peer, LoggedHead(request, also=secret))',
        '        logger.debug("asks %s: %s", self._peer, request.decode("latin-1"))',
        "echo",
    ),
    Mutation(
        "the stream of wrap_client_stream is left open where it fails",
        "_client/_attempt.py",
        "            raise timed_out(request.url, timeout, report)  # noqa: TRY301  # closes, too\n    except BaseException:\n        await _throw_away(stream)\n        raise",
        "            raise timed_out(request.url, timeout, report)  # noqa: TRY301  # closes, too\n    except BaseException:\n        raise",
        "foreign stream",
    ),
    Mutation(
        "the other end is the server, whatever stands between",
        "_client/_attempt.py",
        "        remote=_address(stream, local=False),",
        "        remote=_address(stream, local=True),",
        "echo",
    ),
]
