"""The console's parts that need no browser: its one script, its link, its sentences."""

import json

import pytest

from edge_agent.errors import LocalError
from provisioning.console import vendored
from provisioning.console.door import Door
from provisioning.console.downloads import Downloads
from provisioning.console.pages import ago, linked, sentence

NOW = 1_795_000_000


def test_a_script_that_is_another_or_not_there_is_not_served(tmp_path):
    vendored.check()
    other = tmp_path / "htmx.min.js"
    with pytest.raises(LocalError, match="can't be read"):
        vendored.check(other)
    other.write_bytes(vendored.SCRIPT.read_bytes() + b"//")
    with pytest.raises(LocalError, match="is not the script that was pinned"):
        vendored.check(other)


def test_the_lock_pins_by_hash_and_names_no_place_to_fetch_from():
    packages = json.loads((vendored.HERE / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    fetched = {name: package for name, package in packages.items() if name}
    assert fetched.keys() == {"node_modules/htmx.org"}
    assert all(package["integrity"].startswith("sha512-") for package in fetched.values())
    assert not any("resolved" in package for package in fetched.values())


def test_the_link_lets_in_once_and_a_guess_never():
    door = Door(8000)
    link = door.link.rpartition("/")[2]
    assert door.enter("guess") is None
    session = door.enter(link)
    assert door.knows(session)
    assert not door.knows("guess")
    assert door.enter(link) is None
    door.close()
    assert not door.knows(session)


def test_two_consoles_have_nothing_in_common():
    one, other = Door(8000), Door(8000)
    assert one.host != other.host
    assert one.form_token != other.form_token
    assert not one.is_form(other.form_token)


def test_a_download_is_for_its_owner_alone_and_gone_with_the_server():
    with Downloads() as downloads:
        path = downloads.place("card.zip")
        path.write_bytes(b"a card")
        assert downloads.folder.stat().st_mode & 0o077 == 0
        token = downloads.offer(path).rpartition("/")[2]
        assert downloads.take(token) == ("card.zip", b"a card")
        assert not path.exists()
        with pytest.raises(LocalError, match="fetched already"):
            downloads.take(token)
    assert not downloads.folder.exists()


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (0, "now"),
        (90, "in a minute"),
        (-90, "a minute ago"),
        (-600, "10 minutes ago"),
        (7_200, "in 2 hours"),
        (14 * 86_400, "in 14 days"),
    ],
)
def test_how_far_a_time_is_from_now_is_said_in_words(apart, words):
    assert ago(NOW + apart, NOW) == words


def test_a_command_that_an_error_names_is_a_link_to_its_page_and_other_words_are_only_words():
    said = linked("Make another: `homeward-fleet card kiosk-1`, or <b>ask</b> `homeward-desk key`.")
    assert '<a href="/kiosks/kiosk-1/card"><code dir="ltr">homeward-fleet card kiosk-1</code></a>' in said
    assert "&lt;b&gt;ask&lt;/b&gt;" in said
    assert '<code dir="ltr">homeward-desk key</code>.' in said


def test_a_sentence_begins_and_ends_as_sentences_do():
    assert sentence("the passphrase is empty") == "The passphrase is empty."
    assert sentence("Is it?") == "Is it?"
