"""Speed and footprint of trio_wsproxy beside its rivals, measured in one run.

::

    python -m pip install -e . --group bench
    python -m benchmarks                        # everything, some 12 minutes
    python -m benchmarks --publish docs         # likewise; writes what docs/performance.rst shows
    python -m benchmarks --quick                # proves that it runs; its figures mean nothing
    python -m benchmarks --only "echo 64 B"     # rows whose name has this regular expression
    python -m benchmarks --parts load --json figures.json

Theory of operation
-------------------

Clients do the same work against the same servers. On trio these are trio_wsproxy,
``websockets.trio`` and ``trio-websocket``, and two *floors*, which move the same bytes but neither
mask nor parse them: bare trio streams, which try each call before they wait; and *inline*, which
writes without a turn of the scheduler, waits until there is something to read, and reads. The
floors are no WebSocket clients; they show what trio, the kernel and OpenSSL cost whatever one
does. On asyncio's interface, in uvloop where it installs, are ``websockets``, ``aiohttp`` and
``picows``: they show what trio costs, and are marked as running on another event loop.

* Server and proxies are processes of their own, made of picows and its C transports, so that
  the client is what is measured. With only one core for all of them, that does not hold.
* A row is measured in rounds. In each round every client has one turn, in an order that
  rotates, so that a noisy minute hurts all of them alike. A turn has an event loop of its own.
  It ends after a given time, or number of operations, whichever is less. Shown are medians over
  the rounds.
* Measured are the wall time and the CPU time of the client's process (user and system), per
  operation. Wall time of an echo contains the server's and the kernel's share; CPU time does
  not.
* Rows about messages run without compression (but for those that say so), without keepalive,
  with the same limit on messages, and with each client's own defaults for everything else.
* Rows about opening, memory, scale and load run with nothing but defaults, as users have them.
  Whoever opens also closes: the closing handshake counts.
* Memory, import time, scale and load are measured in a fresh process for each client.
* What makes figures doubtful stands at the head of the report: a compiled part of any client
  that is not in use, a machine that was busy, a client that is not installed.

Files: ``_processes.py`` starts helper processes, ``_server.py`` and ``_proxies.py`` are two of
them; ``_loops.py`` and ``_sessions.py`` say what makes the clients look alike, ``_on_trio.py``,
``_on_asyncio.py`` and ``_floors.py`` have them, ``_clients.py`` lists them; ``_rows.py`` has the
rows measured in rounds; ``_footprint.py`` those that need a fresh process, which is
``_crowds.py``; ``_report.py`` and ``_machine.py`` write tables, ``_chart.py`` draws.
"""
