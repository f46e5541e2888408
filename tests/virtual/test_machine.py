"""The tests' own way into the guest: what it makes of an agent that was started anew behind its back."""

from __future__ import annotations

import pytest

from firmware.virtual.machine import AgentLostError

ANEW = "systemctl restart --no-block qemu-guest-agent.service; exec sleep 600"


def test_a_command_whose_agent_was_started_anew_is_not_taken_for_done_and_a_question_is_asked_again(kiosk):
    with pytest.raises(AgentLostError, match="started anew"):
        kiosk.machine.run("/bin/sh", "-c", ANEW)
    once = f"if [ -e /run/asked ]; then exit 3; fi; touch /run/asked; {ANEW}"
    assert kiosk.machine.ask("/bin/sh", "-c", once).status == 3
