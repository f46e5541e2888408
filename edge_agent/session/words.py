"""Everything that the kiosk says, in English: the source of every language's catalogue in `languages/`.

Keys name the place where something is said; `notice.Notice.text(key)` gives the words. `{ngo}`, `{telephone}` and
`{days}` are filled in for a kiosk, the other places when something is said. A sentence that is changed here is missing
in every other language until somebody has translated it anew (`make words`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTICE_ID: Final = "homeward-notice-1"
"""Which notice this is, in all its languages. Their words are told apart by their hash."""

ENGLISH: Final[Mapping[str, str]] = MappingProxyType(
    {
        # The language itself: its own name, ltr or rtl, and who has read it through
        "language.name": "English",
        "language.direction": "ltr",
        "language.reader": "its authors",
        # The notice, and the questions: what people agree to. Their words, as they are said, are hashed into every
        # report. Change one, and it is another notice.
        "notice.who_sees": (
            "Only caseworkers of {ngo} can open your picture. With it they see this place, the time, the "
            "language you chose and your answers."
        ),
        "notice.what_for": (
            "They compare it with reports about people who are missed. This may help people look for you. It "
            "may also lead to nothing."
        ),
        "notice.how_long": "They keep it for {days} days. Then it is deleted.",
        "notice.take_back": (
            "You can take it back on any day, and you need no reason. Call {telephone} and say the code that "
            "you get at the end."
        ),
        "notice.free": (
            "You can say no. You can stop at any time. Then nothing is kept, and nothing changes for you "
            "here. The camera stays shut until everybody who is asked has said yes."
        ),
        "question.tracing.subject": "Do you want {ngo} to have your picture, to look for people who miss you?",
        "question.tracing.adult": (
            "Do you allow {ngo} to have this child's picture, to look for people who miss the child?"
        ),
        "question.partners.subject": (
            "May {ngo} also share your picture with other organisations that look for missing people?"
        ),
        "question.partners.adult": (
            "Do you allow {ngo} to share this child's picture with other organisations that look for missing people?"
        ),
        "question.public_appeal.subject": (
            "May {ngo} also show your picture in public, on posters or on the internet? Anybody could see it "
            "then. A person checks each picture before that."
        ),
        "question.public_appeal.adult": (
            "Do you allow {ngo} to show this child's picture in public, on posters or on the internet? "
            "Anybody could see it then. A person checks each picture before that."
        ),
        # What is happening
        "scene.rest": "Are people looking for you? Press the button. The camera is off.",
        "scene.language": "Choose your language.",
        "scene.who": (
            "Who is the picture of, and who is with them? If you are under 18 and alone, ask somebody who "
            "works here to come. There is no hurry."
        ),
        "scene.permission": "Now the grown-up who is with the child answers. The child can still stop.",
        "scene.framing": "The camera is on. Stand in front of it. The picture is taken when you choose it.",
        "scene.taking": "The picture is being taken.",
        "scene.choosing_several": "There is more than one face. Choose yours. The others are not kept.",
        "scene.choosing_none": "No face was found. You can use the middle of the picture, or take it again.",
        "scene.review": "This is your picture. Do you want to send it?",
        "scene.sealing": "Your picture is being locked, so that only {ngo} can open it.",
        "scene.done": (
            "Your picture is on its way to {ngo}. Your code is {code}. Write it down. With it you can ask "
            "about your picture, or take it back."
        ),
        "scene.cannot": (
            "This machine can't take a picture now. Nothing is kept. Please ask somebody who works here, or "
            "call {telephone}."
        ),
        "scene.cannot_screen": (
            "The screen of this machine stopped working. It is not your fault. Nothing is kept. Please ask "
            "somebody who works here, or call {telephone}."
        ),
        "scene.cannot_voice": (
            "The sound of this machine stopped working. It is not your fault. Nothing is kept. Please ask "
            "somebody who works here, or call {telephone}."
        ),
        "scene.taken_back": (
            "Your picture is taken back. It is deleted here, and {ngo} is told to delete what has reached them."
        ),
        # How it ended when nothing was kept
        "nothing_kept.said_no": "That is fine. Nothing is kept. You can come back whenever you like.",
        "nothing_kept.stopped": "That is fine. Nothing is kept. You can come back whenever you like.",
        "nothing_kept.silence": "The time is over. Nothing is kept. You can come back whenever you like.",
        "nothing_kept.failed": (
            "Something on this machine did not work. It is not your fault. Nothing is kept. You can try "
            "again, or call {telephone}."
        ),
        "nothing_kept.full": (
            "This machine has no room for one more picture. It is not your fault. Nothing is kept. Please ask "
            "somebody who works here, or call {telephone}."
        ),
        # What can be chosen
        "choice.no": "No",
        "choice.yes": "Yes",
        "choice.take": "Take the picture",
        "choice.oval": "The middle of the picture",
        "choice.send": "Send it",
        "choice.take_again": "Take it again",
        "choice.again": "Say it again",
        "choice.stop": "Stop, and keep nothing",
        "choice.finish": "Finish",
        "choice.self_adult": "Me, and I am 18 or older",
        "choice.child_with_parent": "Me, a child, with my mother or father",
        "choice.child_with_guardian": "Me, a child, with the person who takes care of me by law",
        "choice.child_with_staff": "Me, a child, with somebody who works here",
        "choice.face": "Face {number}",
        "choice.take_back": "Take it back now",
        # Advice while the camera is on: one thing at a time
        "guidance.look_here": "Nobody is in the picture yet. Turn your face to the camera.",
        "guidance.one_more_person": "There is one more person in the picture.",
        "guidance.closer": "Come a little closer.",
        "guidance.further": "Go back a little.",
        "guidance.turn_to_light": "Turn to the light.",
        "guidance.hold_still": "Stay still for a moment.",
        "guidance.good": "That is good.",
        # Said between two scenes
        "say.warning": "Are you still there? Press the button to go on. Otherwise this ends, and nothing more is kept.",
        "say.nothing_chosen": "Nothing was chosen.",
        "say.let_go": "You can let go of the button.",
        "say.not_taken_back": (
            "That did not work on this machine. Call {telephone} and say your code. Then it is taken back."
        ),
        # What the button does
        "help.press": "Press: next.",
        "help.hold": "Hold: {choice}.",
        # What stands on the screen beside all that
        "screen.camera_on": "The camera is on",
        "screen.camera_off": "The camera is off",
        "screen.way": "Step {step} of {steps}",
        "screen.mirror": "You, as the camera sees you",
        "screen.faces": "The picture that was taken",
        "screen.portrait": "The picture that would be sent",
        "screen.code": "Your code",
        "screen.six_words": (
            "This machine is not in service yet. Staff: compare these six words with those that the office sees. Take "
            "it into service only when they are the same."
        ),
        "screen.lost": "This machine does not answer just now. Please wait a moment, or ask somebody who works here.",
    }
)
