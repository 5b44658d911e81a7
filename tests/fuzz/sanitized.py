"""The C extension under AddressSanitizer and UndefinedBehaviorSanitizer: its tests, and the fuzzer.

``python tests/fuzz/sanitized.py FOLDER --minutes N`` builds it in that folder, for this Python, and
loads it in the place of the installed one (``--speedups`` of the tests). First it sees that the
sanitizers bite: an extension that writes behind its buffer by intent must not get away with it.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = Path("trio_wsproxy", "_websocket", "_speedups.c")
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -g -O1"
# A loop with some rounds too many, for the planted fault; one more would meet the NUL behind all bytes.
RIGHT, WRONG = "for (; i < size; i++)", "for (; i < size + 9; i++)"
TRY = "from trio_wsproxy._websocket import _frames; _frames.frame_in_c(0x82, b'x' * 600, b'mask')"


def build(folder: Path, text: str) -> Path:
    """Build the extension from this text; give its file."""
    source = folder / SOURCE
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(text, encoding="utf-8")
    for name in ("setup.py", "README.md"):  # the first reads the second
        (folder / name).write_text((ROOT / name).read_text("utf-8"), encoding="utf-8")
    environ = {
        **os.environ,
        "CC": "gcc",
        "CFLAGS": FLAGS,
        "LDFLAGS": "-fsanitize=address,undefined",
    }
    command = [sys.executable, "setup.py", "-q", "build_ext", "--build-lib", "built", "--force"]
    subprocess.run(command, cwd=folder, env=environ, check=True)
    (built,) = (folder / "built" / SOURCE.parent).glob("_speedups*.so")
    return built


def run(
    extension: Path, *arguments: str, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run Python with the sanitizers' libraries and this extension."""
    libraries = [
        subprocess.run(
            ["gcc", f"-print-file-name=lib{name}.so"], check=True, capture_output=True, text=True
        ).stdout.strip()
        for name in ("asan", "ubsan")
    ]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "LD_PRELOAD": " ".join(libraries),
            # Python itself leaks by intent; its own allocator would hide what is behind a buffer.
            "ASAN_OPTIONS": "detect_leaks=0",
            "UBSAN_OPTIONS": "print_stacktrace=1",
            "PYTHONMALLOC": "malloc",
            "TRIO_WSPROXY_TEST_SPEEDUPS": str(extension),
        },
        check=False,
        text=True,
        capture_output=capture,
    )


def main() -> int:
    """Build, see that a planted fault is found, then try what is right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", default="0.5")
    arguments = parser.parse_args()
    text = (ROOT / SOURCE).read_text("utf-8")
    assert RIGHT in text, "the loop that the planted fault is in has changed"
    folder = arguments.folder.resolve()
    wrong = build(folder / "wrong", text.replace(RIGHT, WRONG))
    code = "import sys; sys.path[:0] = ['tests/support']; import _load_speedups; " + TRY
    seen = run(wrong, "-c", code, capture=True).stderr
    assert "heap-buffer-overflow" in seen, f"the sanitizers did not see a planted fault: {seen}"
    print("The planted fault was found. Now the extension as it is:", flush=True)
    right = build(folder / "right", text)
    return (
        run(right, "-c", code).returncode
        or run(right, "-m", "pytest", "-q", "-p", "no:xdist", "tests/websocket/test_frames.py").returncode
        or run(
            right, "-m", "tests.fuzz", "--engine", "mutations", "--minutes", arguments.minutes,
            "--reader", "frames", "--reader", "masking",
        ).returncode
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
