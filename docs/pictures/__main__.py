"""`python -m docs.pictures` draws a report's way and a kiosk's wiring; with `--demo` it plays the demonstration too."""

from __future__ import annotations

import argparse

from docs.pictures import demo, way, wiring


def main() -> None:
    """Draw."""
    parser = argparse.ArgumentParser(prog="python -m docs.pictures", description=__doc__)
    parser.add_argument("--demo", action="store_true", help="play the demonstration (about 15 s) and draw what it says")
    way.PATH.write_text(way.draw(), encoding="utf-8")
    wiring.PATH.write_text(wiring.draw(), encoding="utf-8")
    if parser.parse_args().demo:
        demo.PATH.write_text(demo.draw(demo.play()), encoding="utf-8")


if __name__ == "__main__":
    main()
