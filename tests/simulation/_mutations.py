"""Planted faults: changes of our code that the laws must notice.

A mutation that no law notices shows a law that is missing, or a scenario. To be run by
``python -m tests.simulation --mutations``, each in a copy of the package and in a process of its own, for it may spin or hang.
"""

from __future__ import annotations

from _mutation import Mutation
from _mutations_of_talks import MUTATIONS_OF_TALKS
from _mutations_of_ways import MUTATIONS_OF_WAYS

MUTATIONS = [
    # -- waking up -------------------------------------------------------------------------------
    Mutation(
        "a lost wake-up: a message arrives, and nobody who waits is told",
        "_websocket/_inbox.py",
        "        self._receivers.wake_one()\n\n    def collect",
        "\n    def collect",
        "foreign stream",
    ),
    Mutation(
        "a lost wake-up: reading is not taken over when a receiver leaves",
        "_websocket/_core.py",
        "            if not inbox.wake_one_receiver():\n                self._take_over_soon()",
        "            inbox.wake_one_receiver()",
        "idle",
    ),
    Mutation(
        "a lost wake-up: reading stops for a full inbox, and does not go on",
        "_websocket/_inbox.py",
        "            self.read_on_at = trio.current_time()\n            self._emptied.call()",
        "            self.read_on_at = trio.current_time()",
        "foreign stream",
    ),
    Mutation(
        "a lost wake-up: what is pending leaves, and senders are not told",
        "_websocket/_outbox.py",
        "            if self._late_pong is not None:\n                self._take_late_pong()\n                self.leave()\n        self.wake_if_below()",
        "            if self._late_pong is not None:\n                self._take_late_pong()\n                self.leave()",
        "bulk",
    ),
    Mutation(
        "TLS: records behind the first are not looked for",
        "_transport/_tls_stream.py",
        "            self._more = not data or self._incoming.pending > 0 or self._ssl.pending() > 0",
        "            self._more = False",
        "burst",
    ),
    # -- steps that must be one --------------------------------------------------------------------
    Mutation(
        "an await between two steps: a message is taken, then a checkpoint",
        "_websocket/_connection.py",
        "                return message\n        return inbox.take()",
        "                return message\n        taken = inbox.take()\n        await trio.lowlevel.checkpoint()\n        return taken",
        "cancelled calls",
    ),
    Mutation(
        "an await between two steps: a message that was read is given out behind a checkpoint",
        "_websocket/_connection.py",
        "            if message is not None:\n                return message\n        return inbox.take()",
        "            if message is not None:\n                await trio.lowlevel.checkpoint()\n                return message\n        return inbox.take()",
        "cancelled calls",
    ),
    Mutation(
        "send is cancelled although the message has left",
        "_websocket/_connection.py",
        "            outbox.leave()\n            await trio.lowlevel.cancel_shielded_checkpoint()",
        "            outbox.leave()\n            await trio.lowlevel.checkpoint()",
        "cancelled calls",
    ),
    Mutation(
        "send is cancelled although the message is queued",
        "_websocket/_core.py",
        "        self.leave_now()\n        await trio.lowlevel.cancel_shielded_checkpoint()",
        "        self.leave_now()\n        await trio.lowlevel.checkpoint()",
        "cancelled calls",
    ),
    # -- what is left open --------------------------------------------------------------------------
    Mutation(
        "a leaked stream: CONNECT failed",
        "_transport/_dialer.py",
        "            except BaseException:\n                await trio.aclose_forcefully(stream)\n                raise\n            await trio.aclose_forcefully(stream)",
        "            except BaseException:\n                raise\n            await trio.aclose_forcefully(stream)",
    ),
    Mutation(
        "a leaked stream: another round of authentication has another connection",
        "_transport/_dialer.py",
        "                raise\n            await trio.aclose_forcefully(stream)",
        "                raise",
        "echo",
    ),
    Mutation(
        "a leaked stream: SOCKS failed",
        "_transport/_dialer.py",
        "                return await open_socks_tunnel(stream, hop, host, port, stage)\n        except BaseException:\n            await trio.aclose_forcefully(stream)\n            raise",
        "                return await open_socks_tunnel(stream, hop, host, port, stage)\n        except BaseException:\n            raise",
    ),
    Mutation(
        "a leaked stream: the loser of a race has connected, too",
        "_transport/_tcp.py",
        "        for sock in self._winners:  # of the same moment, or nobody's any more\n            sock.close()",
        "        self._winners.clear()",
        "greeted",
    ),
    Mutation(
        "a leaked stream: the attendant does not close it",
        "_websocket/_attendant.py",
        "                        await self._wire.close()",
        "                        await trio.lowlevel.checkpoint()",
    ),
    Mutation(
        "a leaked connection: the reconnecting loop forgets the last one",
        "_client/_reconnect.py",
        "            await connection.aclose()\n",
        "            await trio.lowlevel.checkpoint()\n",
        "hour of outages",
    ),
    # -- what stays in memory -------------------------------------------------------------------------
    Mutation(
        "memory: a list keeps each connection",
        "_websocket/_connection.py",
        "    def __init__(self, attendant: Attendant) -> None:\n        self._attendant = attendant\n",
        "    everybody: list[object] = []\n\n    def __init__(self, attendant: Attendant) -> None:\n        self.everybody.append(self)\n        self._attendant = attendant\n",
    ),
    Mutation(
        "memory: a list keeps each TCP stream",
        "_transport/_tcp_stream.py",
        "    def __init__(self, socket_stream: trio.SocketStream) -> None:\n",
        "    everybody: list[object] = []\n\n    def __init__(self, socket_stream: trio.SocketStream) -> None:\n        self.everybody.append(self)\n",
    ),
    Mutation(
        "memory: each message is kept for nobody",
        "_websocket/_inbox.py",
        "    def deliver(self, message: Message) -> None:\n",
        "    log: list[Message] = []\n\n    def deliver(self, message: Message) -> None:\n        self.log.append(message)\n",
        "burst",
    ),
    # -- cancellation, clocks -------------------------------------------------------------------------
    Mutation(
        "a swallowed cancel: while waiting for bytes",
        "_websocket/_core.py",
        "        except Exception as exc:\n            self._receiving_ended(exc)\n            return False\n        if not data:",
        "        except BaseException:\n            return False\n        if not data:",
    ),
    Mutation(
        "aclose waits for the closing handshake although it was cancelled",
        "_websocket/_attendant.py",
        "        if not self.finished:\n            self._scope.cancel()\n",
        "        if not self.finished:\n",
        "foreign stream",
    ),
    Mutation(
        "connect_timeout does not cover everything",
        "_client/_attempt.py",
        "        with trio.move_on_after(plan.connect_timeout):",
        "        with trio.move_on_after(2 * plan.connect_timeout):",
    ),
    Mutation(
        "the clock of leaving does not run",
        "_websocket/_attendant.py",
        "        patience = LINGER\n",
        "        patience = 100 * LINGER\n",
        "fragments",
    ),
    Mutation(
        "keepalive never gives up",
        "_websocket/_pings.py",
        "        if now >= end:\n",
        "        if now >= end + 1000:\n",
        "dead link",
    ),
    Mutation(
        "keepalive does not know that reading was stopped here",
        "_websocket/_attendant.py",
        "        quiet = now if self.inbox.was_full else max(self._last_byte, self.inbox.read_on_at)",
        "        quiet = self._last_byte",
        "slow consumer",
    ),
    Mutation(
        "delays grow beyond max_delay",
        "_client/_reconnect.py",
        "        delay = min(self.first * GROWTH ** min(self.failures, 64), self.most)",
        "        delay = self.first * GROWTH ** min(self.failures, 64)",
        "hour of outages",
    ),
    # -- bytes and messages -----------------------------------------------------------------------------
    Mutation(
        "an off-by-one: a byte is lost where the kernel takes a part",
        "_transport/_tcp_stream.py",
        "            data = memoryview(data)[sent:]\n        self.pending",
        "            data = memoryview(data)[sent + 1 :]\n        self.pending",
        "bulk",
    ),
    Mutation(
        "bytes that the kernel took later are sent again",
        "_transport/_tcp_stream.py",
        "                self._buffers[0] = data[sent:]",
        "                self._buffers[0] = data",
        "bulk",
    ),
    Mutation(
        "a SOCKS reply that comes in pieces is its last piece",
        "_transport/_socks.py",
        "Kind.CUT_OFF)\n            self.answer += data",
        "Kind.CUT_OFF)\n            self.answer = bytearray(data)",
    ),
    Mutation(
        "a large frame ends with its first piece",
        "_websocket/_protocol.py",
        "        last = self._ends and not self._left\n        payload",
        "        last = self._ends\n        payload",
        "bulk",
    ),
    Mutation(
        "a message is given out twice",
        "_websocket/_inbox.py",
        "        message = self.messages.popleft()\n",
        "        message = self.messages[0]\n        self.messages.rotate(-1)\n",
        "burst",
    ),
    Mutation(
        "a message overtakes those that wait",
        "_websocket/_inbox.py",
        "        message = self.messages.popleft()\n",
        "        message = self.messages.pop()\n",
        "crossing",
    ),
    Mutation(
        "frames leave in the wrong order",
        "_websocket/_outbox.py",
        "        self._frames.append(frame)",
        "        self._frames.insert(0, frame)",
        "burst",
    ),
    Mutation(
        "the rest of a message that nobody wants begins the next one",
        "_websocket/_inbox.py",
        "            self._skipping = not (self._parts and self._parts.complete)\n",
        "            self._skipping = False\n",
        "fragments",
    ),
    Mutation(
        "a normal end within a message ends the loop over it",
        "_websocket/_connection.py",
        "                if isinstance(error, ConnectionEnded):\n",
        "                if False:\n",
        "fragments",
    ),
    Mutation(
        "pings are not answered while a message is incomplete",
        "_websocket/_core.py",
        "            self.outbox.put_pong(event.payload)",
        "            if not self.inbox.unread:\n                self.outbox.put_pong(event.payload)",
        "fragments",
    ),
    # -- proxies that want to know more ----------------------------------------------------------------
    Mutation(
        "SOCKS4 is asked for a name",
        "_transport/_dialer.py",
        "        if not hop.proxy.resolves_locally:",
        "        if True or not hop.proxy.resolves_locally:",
        "echo",
    ),
    Mutation(
        "SOCKS4: the user id comes too late",
        "_transport/_socks.py",
        "            data = data[:USER_ID_AT] + user_id + data[USER_ID_AT:]",
        "            data = data + user_id",
        "echo",
    ),
    Mutation(
        "each round of Negotiate and NTLM is the first one",
        "_auth/_spnego.py",
        "        answer = await _WORKERS.run(lambda: self._step(token))",
        "        self._context = None\n        answer = await _WORKERS.run(lambda: self._step(token))",
        "echo",
    ),
    Mutation(
        "a proxy that hangs up behind its first refusal has refused",
        "_auth/_conversation.py",
        "        return self.rounds < MAX_ROUNDS and not self.bound_to_connection",
        "        return False",
        "echo",
    ),
    # -- what is told ---------------------------------------------------------------------------------------
    Mutation(
        "1000 although nobody has confirmed it",
        "_websocket/_state.py",
        "        if self._confirmed or self.end.reason is None",
        "        if True or self.end.reason is None",
        "fire and forget",
    ),
    Mutation(
        "an error of trio's is not translated where a proxy hangs up",
        "_transport/_hop.py",
        "        except trio.BrokenResourceError as exc:\n            raise self.broken(stage, doing, exc, remedy()) from exc\n\n\nclass",
        "        except ZeroDivisionError:\n            raise\n\n\nclass",
    ),
    Mutation(
        "a wrong hop number in a failure",
        "_transport/_hop.py",
        "        return Place(self.proxy.url, self.number)",
        "        return Place(self.proxy.url, self.number + 1)",
    ),
    Mutation(
        "a wrong hop number where time is over",
        "_client/_attempt.py",
        "    return Place(hops[hop - 1].url if hop is not None and hop <= len(hops) else None, hop)",
        "    return Place(hops[hop - 1].url if hop is not None and hop <= len(hops) else None, None)",
    ),
    Mutation(
        "a wrong stage in a failure",
        "_transport/_dialer.py",
        'Kind.NO_CONNECTION, "tcp", why',
        'Kind.NO_CONNECTION, "resolve", why',
    ),
    Mutation(
        "a password is told",
        "_urls/_proxies.py",
        '        return f"{user}:{HIDDEN}@" if self.password',
        '        return f"{user}:{self.password}@" if self.password',
    ),
    *MUTATIONS_OF_TALKS,
    *MUTATIONS_OF_WAYS,
]
