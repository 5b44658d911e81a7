"""One reader, tried for a time: by atheris where it is, else by mutations of the seeds.

``python -m tests.fuzz`` runs this as a process for each reader. atheris is guided by what an
input reaches (libFuzzer); mutations are not, and are for Pythons and sanitizers that atheris does
not have. Either goes on behind a finding: of each kind, by exception and place, the first is kept.
"""

from __future__ import annotations

import importlib
import random
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType
from typing import Any

MAX_LENGTH = 2048  # bytes of an input; repetitions make more of it
MOST_FINDINGS = 20  # of one reader; who has more has one cause


class Findings:
    """What was found, each kind once.

    Args:
      folder: Gets a file for each.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kinds: set[str] = set()

    def note(self, data: bytes, error: BaseException) -> None:
        """Keep an input that breaks a law, unless one of its kind is kept."""
        kind = f"{type(error).__name__} at {_place(error.__traceback__)}"
        if kind in self.kinds or len(self.kinds) >= MOST_FINDINGS:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{len(self.kinds)}"
        path.write_bytes(data)
        words = "".join(traceback.format_exception(error))
        path.with_suffix(".txt").write_text(f"{data!r}\n{words}", encoding="utf-8")
        self.kinds.add(kind)
        print(f"FINDING {kind}: {str(error)[:200]!a}, input {data[:200]!r}, see {path}", flush=True)


def _place(trace: TracebackType | None) -> str:
    """Where it was raised: the last line outside of this folder's laws."""
    frames = [x for x in traceback.extract_tb(trace) if not x.filename.endswith("_reader.py")]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"


def mutated(chosen: random.Random, corpus: list[bytes], tokens: tuple[bytes, ...]) -> bytes:
    """Make an input out of those that there are."""
    data = bytearray(chosen.choice(corpus))
    for _ in range(chosen.randint(1, 5)):
        place = chosen.randint(0, len(data))
        end = min(len(data), place + chosen.choice((0, 1, 1, 2, 4, 16)))
        other = chosen.choice(corpus)
        cut = chosen.randint(0, len(other))
        data[place:end] = chosen.choice(
            (
                b"",
                bytes((chosen.randint(0, 255),)),
                chosen.choice(tokens or (b"\0",)),
                bytes(data[place:end]) * 3,
                other[cut : cut + chosen.randint(1, 32)],
            )
        )
    return bytes(data[:MAX_LENGTH])


def by_mutations(name: str, seconds: float, findings: Findings) -> int:
    """Try mutations of the seeds, and of what they became; tell how many."""
    from ._readers import READERS

    reader = READERS[name]
    chosen = random.Random(f"{name} {time.time()}")
    corpus = [seed for seed in reader.seeds if len(seed) <= MAX_LENGTH] or [b""]
    end = time.monotonic() + seconds
    waiting = list(reader.seeds)
    executions = 0
    while time.monotonic() < end:
        executions += 1
        data = waiting.pop() if waiting else mutated(chosen, corpus, reader.tokens)
        try:
            reader.check(data)
        except Exception as exc:
            findings.note(data, exc)
        if len(corpus) < 2000 and chosen.random() < 0.01:
            corpus.append(data)
    return executions


def by_atheris(name: str, seconds: float, findings: Findings, folder: Path) -> None:
    """Let libFuzzer choose; it ends the process, and says on standard error what it reached."""
    atheris: Any = importlib.import_module("atheris")  # it has no types, nor is it everywhere

    with atheris.instrument_imports(
        include=["trio_wsproxy", "wsproto", "h11", "python_socks"], enable_loader_override=False
    ):
        from ._readers import READERS

    reader = READERS[name]
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(reader.seeds):
        (corpus / f"seed-{number}").write_bytes(seed[:MAX_LENGTH])
    words = folder / f"{name}.dict"
    # libFuzzer refuses an empty one.
    tokens = reader.tokens or (b"\0",)
    words.write_text("".join(f'"{_quoted(token)}"\n' for token in tokens), encoding="ascii")

    def one(data: bytes) -> None:
        try:
            reader.check(data)
        except Exception as exc:
            findings.note(data, exc)

    arguments = [
        f"-max_total_time={max(1, int(seconds))}",
        f"-max_len={MAX_LENGTH}",
        f"-dict={words}",
        f"-artifact_prefix={folder}/{name}-",
        "-timeout=30",  # seconds for one input
        "-print_final_stats=1",
        str(corpus),
    ]
    atheris.Setup([sys.argv[0], *arguments], one)
    atheris.Fuzz()


def _quoted(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


def main(name: str, engine: str, seconds: float, folder: Path) -> None:
    """Try one reader."""
    import _load_speedups  # noqa: F401  # of tests/support: the extension that is to be tried

    findings = Findings(folder / "findings" / name)
    if engine == "atheris":
        by_atheris(name, seconds, findings, folder)
    else:
        print(f"Done {by_mutations(name, seconds, findings)} runs")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), Path(sys.argv[4]))
