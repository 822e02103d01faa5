"""Reading order: tables of boxes with their strings, and a second implementation."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from layer_checks import ASSEMBLY, check_layer

from fused_ocr.assembly import AssembleCharacters
from fused_ocr.config import AssemblyConfig

LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BLANK = "_"
TALL, WIDE, STEP = 20, 12, 16
"""Height, width and pitch of the characters of `line`, pixels."""


def line(text, y, x, *, tall=TALL, wide=None, step=None):
    """Characters (text, box) side by side, the first with its corner at (y, x)."""
    wide = WIDE * tall / TALL if wide is None else wide
    step = STEP * tall / TALL if step is None else step
    return [
        (c, (y, x + i * step, y + tall, x + i * step + wide))
        for i, c in enumerate(text)
    ]


def turned(characters, degrees):
    """The centres turned around (200, 200); the boxes stay upright."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    moved = []
    for text, (y1, x1, y2, x2) in characters:
        cy, cx = (y1 + y2) / 2 - 200, (x1 + x2) / 2 - 200
        cy, cx = 200 + cy * cos + cx * sin, 200 + cx * cos - cy * sin
        h, w = (y2 - y1) / 2, (x2 - x1) / 2
        moved.append((text, (cy - h, cx - w, cy + h, cx + w)))
    return moved


def arrays(characters, *, rows=None, alphabet=LETTERS, seed=0):
    """What the layer takes for one photo, with rubbish in the rows past the count."""
    rng = np.random.default_rng(seed)
    count = len(characters)
    rows = max(1, count) if rows is None else rows
    boxes = rng.uniform(0, 400, (1, rows, 4)).astype(np.float32)
    scores = rng.uniform(0.5, 1, (1, rows)).astype(np.float32)
    read = rng.uniform(0, 1, (1, rows, 1, len(alphabet) + 1)).astype(np.float32)
    for i, (text, box) in enumerate(characters):
        boxes[0, i] = box
        best = len(alphabet) if text == BLANK else alphabet.index(text)
        read[0, i, 0, best] = 3.0
    read /= read.sum(-1, keepdims=True)
    classes = np.zeros((1, rows), np.int32)
    return boxes, scores, classes, np.array([count], np.int32), read


def assemble(*inputs, alphabet=LETTERS, **config):
    layer = AssembleCharacters(AssemblyConfig(**{"slots": 16, **config}), alphabet)
    return {name: value.numpy() for name, value in layer(*inputs).items()}


def texts(found, photo=0):
    """The readings as strings; also that nothing stands behind a padding."""
    strings = []
    for row in found["codes"][photo][: found["count"][photo]]:
        used = int((row >= 0).sum())
        assert (row[:used] >= 0).all()
        strings.append("".join(map(chr, row[:used])))
    assert (found["codes"][photo][found["count"][photo] :] == -1).all()
    return strings


CASES = {
    "nothing": ([], []),
    "only a blank": ([(BLANK, (10, 10, 30, 22))], []),
    "one character": ([("7", (10, 10, 30, 22))], ["7"]),
    "one line": (line("0471", 50, 10), ["0471"]),
    "a line from right to left": (line("0471", 50, 10)[::-1], ["0471"]),
    "two lines": (line("12", 10, 40) + line("345", 50, 10), ["12", "345"]),
    "the lower line first": (line("345", 50, 10) + line("12", 10, 40), ["12", "345"]),
    # "123" ends at 54, so the gap is 66 pixels, 3.3 heights.
    "two lines side by side": (
        line("678", 50, 120) + line("123", 50, 10),
        ["123", "678"],
    ),
    "side by side, the right one a little higher": (
        line("678", 44, 120) + line("123", 50, 10),
        ["123", "678"],
    ),
    # Rows of two lines each, the right ones listed first.
    "two rows of two": (
        line("34", 11, 150)
        + line("12", 10, 10)
        + line("78", 60, 150)
        + line("56", 61, 10),
        ["12", "34", "56", "78"],
    ),
    "three lines": (
        line("5", 90, 10) + line("34", 50, 10) + line("12", 10, 10),
        ["12", "34", "5"],
    ),
    # 3 pixels, 0.15 heights, between the lines.
    "narrow spacing": (line("1234", 10, 10) + line("5678", 33, 10), ["1234", "5678"]),
    "a blank in the middle": (
        line("12_45", 10, 10, step=14),
        ["1245"],
    ),  # the gap is 28 - 12 = 0.8 heights
    "a blank that leaves too wide a gap": (line("12__56", 10, 10), ["12", "56"]),
    "blanks at both ends": (line("_12_", 10, 10), ["12"]),
    "digits of different heights": (
        [("1", (10, 10, 30, 22)), ("2", (14, 26, 30, 36)), ("3", (6, 40, 34, 56))],
        ["123"],
    ),
    # 50 / 18 is over the ratio of 2.5; the heights' centres agree.
    "a small character beside a tall one": (
        [("1", (10, 10, 60, 40)), ("2", (26, 44, 44, 54))],
        ["1", "2"],
    ),
    # 12 of the smaller one's 20 pixels are shared, more than half; then 8, less.
    "a step of less than half": (
        [("1", (10, 10, 30, 22)), ("2", (18, 26, 38, 38))],
        ["12"],
    ),
    "a step of more than half": (
        # A level line below, so that the step is not taken for a slope.
        [("1", (10, 10, 30, 22)), ("2", (22, 26, 42, 38)), *line("34567890", 100, 10)],
        ["1", "2", "34567890"],
    ),
    # 0.9 of 20 is 18 pixels.
    "a gap just within": ([("1", (10, 10, 30, 22)), ("2", (10, 40, 30, 52))], ["12"]),
    "a gap just too wide": (
        [("1", (10, 10, 30, 22)), ("2", (10, 41, 30, 53))],
        ["1", "2"],
    ),
    "overlapping boxes": ([("2", (10, 16, 30, 28)), ("1", (10, 10, 30, 22))], ["12"]),
    # The same centre: the row that comes first goes first.
    "a tie in x": ([("1", (10, 10, 30, 22)), ("2", (12, 10, 32, 22))], ["12"]),
    "the same box twice": ([("2", (10, 10, 30, 22)), ("1", (10, 10, 30, 22))], ["21"]),
    "letters too": (line("B", 10, 10) + line("AZ9", 10, 60), ["B", "AZ9"]),
    "tilted down": (turned(line("0123456789", 190, 120), -12), ["0123456789"]),
    "tilted up": (turned(line("0123456789", 190, 120), 12), ["0123456789"]),
    "two tilted lines": (
        turned(line("01234567", 190, 120) + line("ABCDEFGH", 222, 120), 12),
        ["01234567", "ABCDEFGH"],
    ),
    "two lines tilted the other way": (
        turned(line("01234567", 190, 120) + line("ABCDEFGH", 222, 120), -12),
        ["01234567", "ABCDEFGH"],
    ),
    "three tilted lines of different lengths": (
        turned(
            line("012345", 160, 120) + line("AB", 192, 150) + line("CDEFGH", 224, 120),
            9,
        ),
        ["012345", "AB", "CDEFGH"],
    ),
}


@pytest.mark.parametrize(("characters", "expected"), CASES.values(), ids=CASES)
def test_strings(characters, expected):
    assert texts(assemble(*arrays(characters, rows=24))) == expected
    # With no row to spare.
    assert texts(assemble(*arrays(characters))) == expected


@pytest.mark.parametrize(("characters", "expected"), CASES.values(), ids=CASES)
def test_the_order_of_the_rows_does_not_matter(characters, expected):
    if len({box for _, box in characters}) < len(characters) or expected == ["12"]:
        orders = [list(range(len(characters)))]  # ties are kept in order
    else:
        rng = np.random.default_rng(0)
        orders = [rng.permutation(len(characters)) for _ in range(5)]
    for order in orders:
        found = assemble(*arrays([characters[i] for i in order], rows=24))
        assert texts(found) == expected


@pytest.mark.parametrize(
    ("slots", "expected"),
    [
        (1, ["1", "2", "3", "4", "5", "A", "B"]),
        (2, ["12", "34", "5", "AB"]),
        (3, ["123", "45", "AB"]),
        (4, ["1234", "5", "AB"]),
        (5, ["12345", "AB"]),
    ],
)
def test_a_line_longer_than_the_slots_goes_on(slots, expected):
    characters = line("12345", 10, 10) + line("AB", 60, 10)
    found = assemble(*arrays(characters, rows=9), slots=slots)
    assert texts(found) == expected
    assert found["codes"].shape == (1, 9, slots)
    # The second part has a box and a score of its own.
    for r, text in enumerate(expected):
        of_text = [box for c, box in characters if c in text]
        np.testing.assert_allclose(
            found["box"][0, r], [*np.min(of_text, 0)[:2], *np.max(of_text, 0)[2:]]
        )


def test_everything_of_a_reading():
    characters = [*line("35", 10, 10), ("_", (10, 42, 30, 54)), *line("7", 60, 10)]
    boxes, scores, classes, count, read = arrays(characters, rows=6)
    classes[0] = [1, 0, 0, 2, 5, 5]
    layer = AssembleCharacters(AssemblyConfig(slots=3), LETTERS, ("a", "b", "c"))
    found = layer(boxes, scores, classes, count, read)
    found = {name: value.numpy()[0] for name, value in found.items()}
    assert found["count"] == 2

    best = read[0, :, 0].max(-1)
    np.testing.assert_allclose(
        found["char_scores"][:2], [[best[0], best[1], 0], [best[3], 0, 0]]
    )
    np.testing.assert_array_equal(found["char_boxes"][0, :2], boxes[0, :2])
    np.testing.assert_array_equal(found["char_boxes"][1, 0], boxes[0, 3])
    assert not found["char_boxes"][0, 2:].any() and not found["char_boxes"][1, 1:].any()
    np.testing.assert_array_equal(
        found["box"][:2], [[10, 10, 30, 38], [60, 10, 80, 22]]
    )
    product = scores[0] * best
    np.testing.assert_allclose(
        found["score"][:2], [min(product[0], product[1]), product[3]], rtol=1e-6
    )
    assert found["label"].tolist() == [1, 2, -1, -1, -1, -1]  # of the first character

    for row, place in ((0, (0, 0)), (1, (0, 1)), (3, (1, 0))):
        # The second and third likeliest characters; the blank is none.
        order = np.argsort(-read[0, row, 0, :-1])[1:3]
        assert found["alt_codes"][place].tolist() == [ord(LETTERS[i]) for i in order]
        np.testing.assert_allclose(found["alt_scores"][place], read[0, row, 0, order])

    empty = {"codes": -1, "alt_codes": -1, "label": -1}
    for name, value in found.items():
        if name != "count":
            assert (value[2:] == empty.get(name, 0)).all(), name
    assert (found["codes"][0, 2:] == -1).all() and (
        found["alt_codes"][0, 2:] == -1
    ).all()
    assert not found["alt_scores"][0, 2:].any()


def test_the_score_is_that_of_the_worst_character():
    characters = line("123", 10, 10)
    boxes, _, classes, count, read = arrays(characters)
    read[:] = 0
    for i, probability in enumerate((0.9, 0.5, 0.8)):
        read[0, i, 0, i + 1] = probability
    scores = np.array([[0.5, 0.9, 1.0]], np.float32)
    # 0.5 * 0.9 = 0.45, 0.9 * 0.5 = 0.45, 1.0 * 0.8 = 0.8
    found = assemble(boxes, scores, classes, count, read)
    assert found["score"][0, 0] == pytest.approx(0.45)
    scores[0, 2] = 0.25  # 0.25 * 0.8 = 0.2
    found = assemble(boxes, scores, classes, count, read)
    assert found["score"][0, 0] == pytest.approx(0.2)


def test_two_doubts_together_are_too_many():
    characters = line("123", 10, 10)
    boxes, _, classes, count, read = arrays(characters)
    read[:] = 0
    for i, probability in enumerate((0.75, 0.5, 0.5)):
        read[0, i, 0, i + 1] = probability
    # 0.5 * 0.75 = 0.375, 0.75 * 0.5 = 0.375, 0.5 * 0.5 = 0.25
    scores = np.array([[0.5, 0.75, 0.5]], np.float32)
    for least, expected in ((0.25, ["123"]), (0.3, ["12"]), (0.375, ["12"]), (0.4, [])):
        found = assemble(boxes, scores, classes, count, read, min_score=least)
        assert texts(found) == expected


def test_a_doubtful_character_counts_beside_a_sure_one():
    # Two lines in one row, too far apart for one; the third of the first is too weak.
    characters = line("123", 10, 10) + line("45", 10, 300)
    boxes, _, classes, count, read = arrays(characters)
    read = np.float32(read == read.max(-1, keepdims=True))
    scores = np.array([[0.3, 0.6, 0.2, 0.5, 0.3]], np.float32)
    for least, expected in ((0.4, ["12", "45"]), (0.55, ["12"]), (0.65, [])):
        found = assemble(
            boxes, scores, classes, count, read, min_score=0.25, min_line_score=least
        )
        assert texts(found) == expected


@pytest.mark.parametrize(
    ("alphabet", "codes", "scores"),
    [
        ("7", [-1, -1], [0, 0]),
        ("79", [ord("9"), -1], [0.25, 0]),
        ("795", [ord("9"), ord("5")], [0.25, 0.1]),
    ],
)
def test_small_alphabets_have_fewer_alternatives(alphabet, codes, scores):
    boxes, detected, classes, count, _ = arrays([("7", (10, 10, 30, 22))])
    read = [*[0.5, 0.25, 0.1][: len(alphabet)], 0.15]
    read = np.array(read, np.float32).reshape(1, 1, 1, -1)
    found = assemble(boxes, detected, classes, count, read, alphabet=alphabet)
    assert texts(found) == ["7"]
    assert found["alt_codes"][0, 0, 0].tolist() == codes
    np.testing.assert_allclose(found["alt_scores"][0, 0, 0], scores)
    assert (found["alt_codes"][0, 0, 1:] == -1).all()


def test_characters_beyond_the_basic_plane():
    boxes, scores, classes, count, _ = arrays([("7", (10, 10, 30, 22))])
    read = np.array([0.1, 0.8, 0.1], np.float32).reshape(1, 1, 1, -1)
    found = assemble(boxes, scores, classes, count, read, alphabet="é𝟜")
    assert texts(found) == ["𝟜"]


def test_a_batch_is_each_photo_alone():
    photos = [
        arrays(characters, rows=12, seed=i)
        for i, characters in enumerate(
            [
                turned(line("0123456789", 190, 120), 12),
                [],
                line("12", 10, 10),
                turned(line("ABCDEF", 190, 120), -12),
            ]
        )
    ]
    together = assemble(*(np.concatenate(parts) for parts in zip(*photos, strict=True)))
    for i, photo in enumerate(photos):
        alone = assemble(*photo)
        for name, value in together.items():
            np.testing.assert_allclose(
                value[i], alone[name][0], atol=1e-6, err_msg=name
            )


# --- a second implementation ----------------------------------------------------------


def reference(characters, sure, config):
    """The rules of the docstrings, in loops over lists."""
    known = [
        (i, c, box)
        for i, (c, box) in enumerate(characters)
        if c != BLANK and sure[i] >= config.min_score
    ]

    def neighbours(one, other, level):
        (y1, x1, y2, x2), (v1, u1, v2, u2) = one, other
        h, k = y2 - y1, v2 - v1
        a, b = level(one), level(other)
        shared = min(a + h / 2, b + k / 2) - max(a - h / 2, b - k / 2)
        return (
            shared >= config.min_overlap * min(h, k)
            and max(x1, u1) - min(x2, u2) <= config.max_gap * max(h, k)
            and max(h, k) <= config.max_ratio * min(h, k)
        )

    def middle(box):
        return (box[0] + box[2]) / 2

    run_rise = run_run = 0.0
    for (_, _, one), (_, _, other) in itertools.permutations(known, 2):
        if neighbours(one, other, middle):
            run = (other[1] + other[3] - one[1] - one[3]) / 2
            run_rise += run * (middle(other) - middle(one))
            run_run += run * run
    slope = run_rise / run_run if run_run else 0.0
    slope = slope if abs(slope) < 0.7 else 0.0

    def level(box):
        return middle(box) - slope * (box[1] + box[3]) / 2

    lines = []
    for entry in known:
        near = [
            ln for ln in lines if any(neighbours(entry[2], e[2], level) for e in ln)
        ]
        lines = [ln for ln in lines if ln not in near] + [sum(near, [entry])]

    lines = [ln for ln in lines if max(sure[e[0]] for e in ln) >= config.min_line_score]

    def extent(ln):
        half = [(e[2][2] - e[2][0]) / 2 for e in ln]
        levels = [level(e[2]) for e in ln]
        return (
            min(v - h for v, h in zip(levels, half, strict=True)),
            max(v + h for v, h in zip(levels, half, strict=True)),
            min(e[2][1] for e in ln),
        )

    def goes_before(one, other):
        (t, b, x), (u, c, z) = extent(one), extent(other)
        if min(b, c) - max(t, u) >= 0.5 * min(b - t, c - u):
            return x < z
        return t + b < u + c

    def key(ln):
        ahead = sum(goes_before(o, ln) for o in lines if o is not ln)
        return ahead, min(e[0] for e in ln)

    strings = []
    for ln in sorted(lines, key=key):
        ordered = sorted(ln, key=lambda e: (e[2][1] + e[2][3], e[0]))
        text = "".join(e[1] for e in ordered)
        strings += [
            text[i : i + config.slots] for i in range(0, len(text), config.slots)
        ]
    return strings


def layout(rng):
    """Lines with jitter and tilt, and single characters anywhere."""
    characters = []
    for _ in range(rng.integers(0, 4)):
        tall = rng.uniform(10, 40)
        y, x = rng.uniform(0, 350), rng.uniform(0, 200)
        for _ in range(rng.integers(1, 7)):
            wide = tall * rng.uniform(0.3, 0.9)
            h = tall * rng.uniform(0.7, 1.2)
            dy = tall * rng.normal(0, 0.12)
            text = BLANK if rng.random() < 0.1 else LETTERS[rng.integers(36)]
            characters.append((text, (y + dy, x, y + dy + h, x + wide)))
            x += wide + tall * rng.uniform(-0.1, 1.0)
    for _ in range(rng.integers(0, 5)):
        y, x, h, w = rng.uniform((0, 0, 5, 3), (380, 380, 40, 30))
        characters.append((LETTERS[rng.integers(36)], (y, x, y + h, x + w)))
    rng.shuffle(characters)
    return turned(characters, rng.uniform(-15, 15))


@pytest.mark.parametrize(
    "config",
    [
        AssemblyConfig(slots=16),
        AssemblyConfig(slots=2, max_gap=0.4, min_overlap=0.3, max_ratio=1.5),
        AssemblyConfig(slots=16, min_score=0.09, min_line_score=0.13),
    ],
)
def test_random_layouts_equal_the_plain_rules(config):
    layer = AssembleCharacters(config, LETTERS)
    # One signature: 29 rows, so that nothing is traced twice.
    run = tf.function(layer)
    for seed in range(150):
        characters = layout(np.random.default_rng(seed))
        inputs = arrays(characters, rows=29)
        sure = inputs[1][0] * inputs[4][0, :, 0, : len(LETTERS)].max(-1)
        found = run(*map(tf.constant, inputs))
        found = {name: value.numpy() for name, value in found.items()}
        assert texts(found) == reference(characters, sure, config), seed


@pytest.mark.parametrize("rows", [1, 2, 3, 64])
def test_as_many_readings_as_rows(rows):
    # The most lines there can be: every character one of its own.
    characters = [("5", (30 * i, 10, 30 * i + 20, 22)) for i in range(rows)]
    found = assemble(*arrays(characters), slots=2)
    assert texts(found) == ["5"] * rows
    np.testing.assert_array_equal(found["box"][0, :, 0], 30 * np.arange(rows))


def test_one_line_as_long_as_the_rows():
    characters = line("0123456789" * 6 + "0123", 10, 10)
    found = assemble(*arrays(characters), slots=64)
    assert texts(found) == ["0123456789" * 6 + "0123"]


def test_layer():
    arguments = {
        "config": ASSEMBLY,
        "alphabet": LETTERS,
        "labels": ("a", "b"),
        "format_version": 7,
        "library_version": "0.0.7",
    }
    cases = [
        tuple(
            np.concatenate(parts)
            for parts in zip(
                arrays(line("0471", 50, 10), rows=rows),
                arrays([], rows=rows),
                strict=True,
            )
        )
        for rows in (4, 9)
    ]
    check_layer(AssembleCharacters, arguments, cases)
