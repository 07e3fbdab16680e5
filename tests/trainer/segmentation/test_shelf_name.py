"""What is taken for a name in the answers of language models, and what is not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.segmentation.shelf_name import LONGEST_NAME, NoNameError, shelf_name
from trainer.segmentation.terms import words


@pytest.mark.parametrize(
    "answer",
    [
        '{"name": "War Films"}',
        '{"name": "war films."}',
        '{ "Label" : " War Films " }',
        '```json\n{"name": "War Films"}\n```',
        '```\n{"name": "War Films"}\n```',
        'Here is the name:\n\n{"name": "War Films"}\n\nIt suits most items.',
        '{"reason": "They are about wars.", "name": "War Films"}',
        '<think>They fight {a lot}.\nSo wars.</think>\n\n{"name": "War Films"}',
        "They fight.\n</thinking>War Films",
        "War Films",
        "war films",
        "  War Films.\n",
        '"War Films"',
        "“War Films”",
        "**War Films**",
        "`War Films`",
        "```War Films```",
        "```text\nWar Films\n```",
        "## War Films",
        "Label: War Films",
        "Category name: 'War Films'",
        "**Name:** War Films",
        '"label": "War Films"',
        "War\xa0Films",
    ],
)
def test_one_name_in_many_dresses(answer: str) -> None:
    assert shelf_name(answer) == "War Films"


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Sci-Fi & Fantasy", "Sci-Fi & Fantasy"),
        ("Children's Books", "Children's Books"),
        ("DC comics", "DC Comics"),
        ("1980s horror", "1980s Horror"),
        ("Science Fiction: Space", "Science Fiction: Space"),
        ("歴史小説", "歴史小説"),
        ("Cafe\u0301 Stories", "Café Stories"),
        ("x" * LONGEST_NAME, "X" + "x" * (LONGEST_NAME - 1)),
    ],
)
def test_a_name_keeps_what_belongs_to_it(answer: str, name: str) -> None:
    assert shelf_name(answer) == name


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("", "empty"),
        ("\n \t", "empty"),
        ('{"name": ""}', "empty"),
        ('"."', "empty"),
        ("x" * (LONGEST_NAME + 1), "too long"),
        ('{"name": "' + "War " * 20 + '"}', "too long"),
        ("A B C D E F", "too long"),
        ("War Films\nThey are all about wars.", "no name"),
        ('{"name": "War\nFilms"}', "no name"),
        ('{"name": "War\\nFilms"}', "no name"),
        ("War\x07Films", "control"),
        ('{"name": "War\\u0000Films"}', "control"),
        ("War\u202eFilms", "control"),
        ('{"name": "War\\ud800"}', "control"),
        ("<b>War</b>", "no name"),
        ("<think>They fight", "no name"),
        ("https://example.org", "no name"),
        ('{"title of it": "War"}', "no name"),
        ('{"name": 7}', "no name"),
        ('{"name": ["War"]}', "no name"),
        ('{"name": "War"', "no name"),
        ('{"name": {"first": "War"}}', "no name"),
        ("{" * 5000, "no name"),
        ("I cannot name it", "no name"),
        ("I'm unable to", "no name"),
        ("Sorry, no.", "no name"),
        ("!!!", "no name"),
    ],
)
def test_what_is_no_name_says_why(answer: str, why: str) -> None:
    with pytest.raises(NoNameError, match=why):
        shelf_name(answer)


@settings(max_examples=50)
@given(st.text(max_size=60) | st.text('{}":name`\n \\u*', max_size=60))
def test_whatever_is_taken_for_a_name_can_be_shown(answer: str) -> None:
    try:
        name = shelf_name(answer)
    except NoNameError:
        return
    assert 0 < len(name) <= LONGEST_NAME
    assert name.isprintable()
    assert name == name.strip()
    assert words(name)
