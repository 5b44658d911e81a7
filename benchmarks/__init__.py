"""Speed and footprint of trio_wsproxy beside its rivals, measured in one run.

::

    python -m pip install -e . picows trustme websockets
    python -m benchmarks                        # everything, some 20 minutes
    python -m benchmarks --quick                # proves that it runs; its figures mean nothing
    python -m benchmarks --only "echo 64 B"     # rows whose name has this regular expression
    python -m benchmarks --output docs/figures.md --json figures.json

Theory of operation
-------------------

Four clients do the same work against the same servers: trio_wsproxy, ``websockets.trio``,
``trio-websocket``, and the *floor*: bare trio streams that move the same bytes but neither
mask nor parse them. The floor is no WebSocket client; it shows what trio, the kernel and
OpenSSL cost whatever one does.

* Server and proxies are processes of their own, made of picows and its C transports, so that
  the client is what is measured. With only one core for all of them, that does not hold.
* A row is measured in rounds. In each round every client has one turn, in an order that
  rotates, so that a noisy minute hurts all of them alike. Shown are medians over the rounds.
* Measured are the wall time and the CPU time of the client's process (user and system), per
  operation. Wall time of an echo contains the server's and the kernel's share; CPU time does
  not.
* All clients run without compression (but for the rows that say so), without keepalive pings,
  with the same limit on messages, and with their own defaults for everything else.
* Memory, import time and the scale rows are measured in a fresh process for each client.

Files: ``_processes.py`` starts helper processes, ``_server.py`` and ``_proxies.py`` are two of
them; ``_clients.py`` makes the four clients look alike; ``_rows.py`` has the rows measured in
rounds; ``_footprint.py`` those that need a fresh process; ``_report.py`` writes tables.
"""
