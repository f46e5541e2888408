"""`python -m docs.pictures` draws pictures from the code; `--demo` and `--console` also take those of what runs."""

from __future__ import annotations

import argparse

from docs.pictures import console, demo, way, wiring


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="play the demonstration (about 15 s) and draw what it says")
    parser.add_argument("--console", action="store_true", help="open the staff's console and take its pictures (2 min)")
    chosen = parser.parse_args()
    way.PATH.write_text(way.draw(), encoding="utf-8")
    wiring.PATH.write_text(wiring.draw(), encoding="utf-8")
    if chosen.demo:
        demo.PATH.write_text(demo.draw(demo.play()), encoding="utf-8")
    if chosen.console:
        console.take()


if __name__ == "__main__":
    main()
