"""Run all benchmarks, one after the other: `python -m tests.benchmarks` (small), or with --full (half an hour)."""

import argparse
import subprocess
import sys

FULL = {
    "intake": ["--rounds", "5", "--seconds", "4"],
    "latency": ["--idle", "60", "--seconds", "20", "--per-second", "50"],
    "statements": ["--times", "100"],
    "pace": ["--changes", "500", "--idle", "40"],
    "lost_webhooks": ["--minutes", "12", "--changes", "40", "--every", "5"],
    "burst": ["--changes", "10000"],
    "scale": ["--destinations", "20", "--items", "500"],
    "one_store_down": ["--destinations", "20", "--seconds", "60", "--pause", "1"],
    "flood": ["--per-second", "200", "--seconds", "600"],
    "orders": ["--orders", "500", "--idle", "60"],
    "order_changes": ["--orders", "50"],
    "reconcile": ["--variants", "100000", "--small", "10000"],
    "matching": ["--variants", "100000", "--small", "10000"],
    "catalogue": ["--products", "10000"],
    "pages": ["--ledger", "1000000", "--links", "100000", "--times", "3"],
}


def main() -> None:
    """Run them; the exit code is 1 if one of them failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"which ones: {', '.join(FULL)} (default: all)")
    parser.add_argument("--full", action="store_true", help="at the sizes whose figures stand in docs/benchmarks.md")
    options = parser.parse_args()
    if unknown := set(options.names) - set(FULL):
        parser.error(f"There is no benchmark {', '.join(sorted(unknown))}: choose from {', '.join(FULL)}.")
    failed = []
    for name in options.names or FULL:
        command = [sys.executable, "-m", f"tests.benchmarks.{name}", *(FULL[name] if options.full else [])]
        if subprocess.run(command).returncode:
            failed.append(name)
    if failed:
        raise SystemExit(f"Failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
