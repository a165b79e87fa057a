"""The words of shared arguments are those of the library, and each command says its exit codes."""

from __future__ import annotations

from typing import get_args

import pytest

from zqcnn_xp.cli import build_parser
from zqcnn_xp.cli import face_arguments as module
from zqcnn_xp.cli.arguments import PUBLISHED
from zqcnn_xp.pipelines.choice import Choice
from zqcnn_xp.pipelines.embedding import FLIPS, thresholds
from zqcnn_xp.pipelines.embedding.verification import PICKS
from zqcnn_xp.vision.templates import TEMPLATES

RECIPE = ("--template", "insightface", "--mean", "1,2,3", "--scale", "2", "--transposed")


def test_the_words_are_those_of_the_library():
    assert module.TEMPLATE_NAMES == TEMPLATES
    assert get_args(Choice) == module.CHOICES
    assert module.PICKS == PICKS
    assert module.FLIPS == FLIPS
    assert PUBLISHED == thresholds.PUBLISHED


@pytest.mark.parametrize(
    "words",
    [
        ("embed", "a", "--resize"),
        ("verify", "a", "b", "--resize"),
        ("gallery", "create", "g"),
        ("gallery", "add", "g", "folder", "--resize"),
        ("gallery", "search", "g", "a", "--resize"),
        ("gallery", "cluster", "g", "--resize"),
        ("eval", "bin", "a.bin", "--resize"),
    ],
)
def test_all_that_embed_take_what_a_recipe_says(words):
    args = build_parser().parse_args([*words, *RECIPE])
    assert (args.template, args.mean, args.scale) == ("insightface", (1, 2, 3), 2)
    assert args.transposed
    plain = build_parser().parse_args(list(words))
    assert (plain.template, plain.mean, plain.transposed) == (None, None, None)


@pytest.mark.parametrize(
    "words",
    ["align", "embed", "verify", "gallery", "gallery search", "gallery verify", "eval", "eval lfw"],
)
def test_help_names_the_exit_codes(words, capsys):
    with pytest.raises(SystemExit):
        build_parser().parse_args([*words.split(), "--help"])
    assert "exit codes: 0 ok, 1 " in capsys.readouterr().out


def test_the_threshold_of_the_authors_is_asked_for_by_a_word(capsys):
    for words in (["verify", "a", "b"], ["gallery", "search", "g", "a"]):
        args = build_parser().parse_args([*words, "--far", "published"])
        assert args.far == "published"
        with pytest.raises(SystemExit):
            build_parser().parse_args([*words, "--far", "usual"])
        assert "expected a number of 0 to 1" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["1,", "1,x", "nan", "1,inf"])
def test_values_of_channels_that_are_no_numbers(text, capsys):
    with pytest.raises(SystemExit):
        build_parser("embed").parse_args(["embed", "a", "--mean", text])
    assert "expected a finite number" in capsys.readouterr().err
