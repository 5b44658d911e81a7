"""Autobahn|Testsuite's fuzzing server, on loopback only and on a port the system chooses.

``wstest`` itself would listen on all interfaces and on a port given beforehand. Run by
CPython 2.7, so this file keeps to what Python 2 and 3 have in common.

Arguments: the folder for the report, the number of messages of each case of 12 and 13, then
patterns of cases. The first line of standard output is JSON, ``{"port": ..., "cases": [ids, in
the order of their numbers]}``; all the rest goes to standard error. Ended by a signal.
"""

import json
import socket
import sys

announce, sys.stdout = sys.stdout, sys.stderr  # Autobahn prints a line per case

# isort: split
# Autobahn first: it chooses Twisted's reactor.
from autobahntestsuite.fuzzing import FuzzingServerFactory  # type: ignore[import-not-found]  # noqa: E402

# isort: split
from twisted.internet import reactor  # type: ignore[import-not-found]  # noqa: E402

listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(128)
listener.setblocking(False)
port = listener.getsockname()[1]

factory = FuzzingServerFactory(
    {
        "url": "ws://127.0.0.1:" + str(port),
        "outdir": sys.argv[1],
        "cases": sys.argv[3:],
    }
)
for case in factory.CaseSet.Cases:
    if case.__name__.startswith(("Case12_", "Case13_")):
        case.COUNT = int(sys.argv[2])
reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, factory)
listener.close()  # the reactor has its own duplicate

announce.write(json.dumps({"port": port, "cases": factory.specCases}) + "\n")
announce.flush()
reactor.run()
