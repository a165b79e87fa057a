"""``eval``: every protocol has its help."""

from __future__ import annotations

import pytest

from zqcnn_xp.cli.eval import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_help(cli, name):
    result = cli("eval", name.replace("_", "-"), "--help")
    assert result.code == 0, result.err
    assert "usage: zqcnn-xp eval" in result.out


def test_none(cli):
    result = cli("eval")
    assert result.code == 2
    assert "required: PROTOCOL" in result.err
