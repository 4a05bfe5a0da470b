"""A very small share of `make soak`, so that it cannot rot."""

import pytest
import small_labs
import soak

WALKS = {"architecture": 2, "sentence": 2, "inside": 2, "frames": 3, "places": 5, "kernel": 8, "gate": 8}
WALKS |= {"forecast": 3, "rollout": 3, "folder": 3, "voice": 3}


@pytest.mark.parametrize("name", [*small_labs.LABS, "inside"])
def test_no_walk_over_a_lab_fails(name):
    assert [problem for seed in range(WALKS[name]) if (problem := soak.walk(name, seed))] == []


def test_a_walk_tells_what_failed_and_can_be_repeated(monkeypatch):
    told = []
    for _ in range(2):
        monkeypatch.setattr(soak, "check", lambda lab, twin: 1 / 0)
        told.append(soak.walk("kernel", 7))
    assert told[0] == told[1]
    assert "kernel, seed 7, step 1: " in told[0]
    assert "ZeroDivisionError" in told[0]
