"""What number plates of several countries look like: a table, and how it is read.

They are likenesses, for training: dimensions, colours and forms are about right, codes
are a few of the real ones.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from fused_ocr.alphabet import DIGITS
from fused_ocr.errors import ConfigError

from .chance import pick
from .lettering import SIGNS

__all__ = ["LAYOUTS", "PlateLayout", "Strip", "any_layout"]

Ink = tuple[int, int, int]
"""Red, green and blue, 0..255."""

CAPITALS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_WHITE, _BLACK, _YELLOW = (236, 236, 232), (18, 18, 22), (246, 200, 30)
_BLUE, _NAVY, _RED, _GREEN = (0, 62, 160), (20, 30, 110), (178, 28, 36), (20, 90, 50)


@dataclasses.dataclass(frozen=True)
class Strip:
    """The coloured strip at a plate's edge, with the country's letters on it.

    Attributes:
        texts: one of these is written small; none of them is read.
        colour: of the strip.
        side: `left`, `both` or `top`.
        part: how much of the plate's width, or height for `top`, it takes.
        chance: how often it is there.
    """

    texts: tuple[str, ...]
    colour: Ink = _BLUE
    side: str = "left"
    part: float = 0.085
    chance: float = 0.9


@dataclasses.dataclass(frozen=True)
class PlateLayout:
    """The look of a kind of plate.

    Attributes:
        name: of the kind.
        aspect: width over height.
        patterns: one is written. `L` is a letter, `0` a digit, `S` one of the codes,
            `/` starts the second row; blanks, dashes, dots, `*` (a seal), `%` (a sign
            of other writing), `@` (an emblem) and `#` (a wide one) are drawn and not
            read.
        colours: pairs of background and ink.
        letters: that occur.
        codes: of states or towns.
        strip: at the edge, or None.
        above, below: small words, of which one is written and none is read.
        tall: height of the characters in parts of the plate's; of two rows' both.
        border: how often there is a line around.
        fades: colours into which the background changes towards the top or bottom.
        stamped: how often dies wrote it rather than a font, see `plate_dies`.
        bolts: how many screws: 0, 2 or 4.
        framed: how often a frame with words lies over the upper and lower edge.
        stickers: how often there are stickers in the corners.
        emblems: how often one more emblem stands in a gap of the row, or at its ends.
        wide_cm: width of the real thing.
        weight: how often it is taken, compared with the others.
    """

    name: str
    aspect: float
    patterns: tuple[str, ...]
    colours: tuple[tuple[Ink, Ink], ...] = ((_WHITE, _BLACK),)
    letters: str = CAPITALS
    codes: tuple[str, ...] = ()
    strip: Strip | None = None
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    tall: float = 0.68
    border: float = 0.5
    fades: tuple[Ink, ...] = ()
    stamped: float = 0.2
    bolts: int = 2
    framed: float = 0.0
    stickers: float = 0.0
    emblems: float = 0.0
    wide_cm: float = 52.0
    weight: float = 1.0

    def write(self, rng: np.random.Generator, characters: str) -> str:
        """A number in one of the patterns, with its signs and the row break.

        Args:
            rng: decides everything.
            characters: that may be used; codes with others are left out.

        Raises:
            ConfigError: there are no letters or digits among them for the pattern.
        """
        letters = [c for c in self.letters if c in characters]
        digits = [c for c in DIGITS if c in characters]
        codes = [c for c in self.codes if set(c) <= set(characters)]
        pattern = pick(rng, self.patterns)
        if rng.random() < self.emblems:
            pattern = _with_emblem(rng, pattern)
        missing = {"L": not letters, "0": not digits, "S": not codes}
        if any(missing.get(sign, False) for sign in pattern):
            raise ConfigError(
                f"Plates like {self.name!r} need digits and capitals. Received: "
                f"{characters!r}. Give --characters {DIGITS}{CAPITALS}."
            )
        pools = {"L": letters, "0": digits, "S": codes}
        return "".join(
            pick(rng, pools[sign]) if sign in pools else sign for sign in pattern
        )

    def expression(self) -> re.Pattern[str]:
        """What every text of this kind matches, whole."""
        parts = {
            "L": f"[{self.letters}]",
            "0": "[0-9]",
            "S": f"(?:{'|'.join(self.codes)})",
            "/": "",
            **dict.fromkeys(SIGNS, ""),
        }
        return re.compile(
            "|".join("".join(parts[c] for c in pattern) for pattern in self.patterns)
        )


def _with_emblem(rng: np.random.Generator, pattern: str) -> str:
    """A pattern of one row with an emblem more: in a gap, between groups, at an end."""
    sign = "@" if rng.random() < 0.75 else "#"
    gaps = [m.start() for m in re.finditer("[ -]|(?<=L)(?=0)|(?<=0)(?=L)", pattern)]
    if not gaps or rng.random() < 0.3:
        return sign + pattern if rng.random() < 0.6 else pattern + sign
    at = pick(rng, gaps)
    return pattern[:at] + sign + pattern[at:].lstrip(" -")


_COUNTIES = ("B", "CJ", "IF", "TM", "BV", "PH", "CT", "DJ", "AG", "BH", "TR", "BR")
_TOWNS = ("B", "M", "K", "HH", "DA", "KA", "HD", "FAG", "MTK", "SB", "WU", "LB", "PI")
_INDIAN = ("CG", "MH", "DL", "KA", "TN", "UP", "MP", "GJ", "RJ", "JH", "HR", "OD", "WB")
_STATES = (
    "California", "TEXAS", "NEW YORK", "Florida", "OHIO", "Illinois", "GEORGIA",
    "Virginia", "ARIZONA", "Nevada", "OREGON", "WASHINGTON", "COLORADO", "Utah",
    "MICHIGAN", "New Jersey", "Tennessee", "ONTARIO", "QUEBEC", "Alaska",
)  # fmt: skip
_SLOGANS = (
    "Sunshine State", "EMPIRE STATE", "Land of Lincoln", "The Lone Star State",
    "GARDEN STATE", "Evergreen State", "dmv.ca.gov", "LIVE FREE OR DIE",
    "Grand Canyon State", "Birthplace of Aviation", "Pure Michigan", "JUNE",
    "YOURS TO DISCOVER", "Famous Potatoes", "The Beehive State",
)  # fmt: skip
_CITIES = (
    "SP - SAO PAULO", "RJ - RIO DE JANEIRO", "PR - CURITIBA", "MG - BETIM",
    "BA - SALVADOR", "RS - PORTO ALEGRE",
)  # fmt: skip
_DEALERS = ("www.autohaus.example", "Motor Company", "AUTO CENTER", "City Cars Ltd")
_BRITISH = "ABCDEFGHJKLMNOPRSTUVWXY"
_CLEAR = "ABCDEFGHJKLMNPRSTUVWXYZ"
_RATHER_CLEAR = _CLEAR * 6 + "IOQ"
"""Most countries and states leave out, or seldom give, what looks like a digit."""

_STATE_SERIALS = (
    "0L00L00", "00L00L0", "LLL 000", "LLL0000", "000 LLL", "0LLL000", "0L00000",
    "LLL@000", "LLL-000", "000-LLL", "LL@00000", "0LLLL0", "000 000", "LLL L00",
    "L00 0LL", "000 0LL", "LLL 0000", "0L 00000", "L 000000", "LL 00000", "L00 0000",
    "000 0000", "000L", "000LL", "000LLL", "LLL 000", "000 LLL", "0000 LL", "0LL0000",
    "0LL L00", "000 LL0", "LLL 0000", "0LL L00", "LL0@L0L", "LL0@L0L", "000-LLL",
    "00-L000", "00L-000", "LLL 000", "L00-LLL", "LLL-00L", "000@LLL", "LLL-0000",
    "LLL-0000", "LLL 000", "LLL 0000", "000@LLL", "LLL-0000", "LL-000", "000-000",
    "0LL 000", "L00-00L", "LLL@0000", "L00@LLL", "LL0@L000", "L00 0LL", "LLL-0000",
    "0LL 000", "LL 0000", "LLL-0000", "00-00000", "0-00000L", "LL-0000", "LLLL 000",
    "L00 LLL", "LL0 00L", "0LLL000", "0LLL000", "LLL0000",
)  # fmt: skip
"""How the states of the USA and provinces of Canada number cars: one or two formats of
each. Wikipedia's 'United States license plate designs and serial formats' has them
all."""

_US = PlateLayout(
    "us", 2.0, _STATE_SERIALS,
    ((_WHITE, _NAVY), (_WHITE, _NAVY), (_WHITE, _NAVY), (_WHITE, _BLACK),
     (_WHITE, _BLACK), (_WHITE, _RED), (_WHITE, _GREEN),
     ((238, 222, 160), _NAVY), (_BLACK, (240, 180, 60)), (_NAVY, _YELLOW),
     ((200, 220, 240), (30, 40, 80)), (_YELLOW, _NAVY)),
    above=_STATES, below=_SLOGANS, tall=0.44, border=0.4,
    fades=((120, 170, 225), (90, 140, 215), (250, 180, 110), (160, 210, 160),
           (245, 225, 120), (225, 150, 150)),
    letters=_RATHER_CLEAR, stamped=0.6, bolts=4, framed=0.35, stickers=0.5,
    emblems=0.45, wide_cm=30, weight=4,
)  # fmt: skip

_WORDS = ("LLLLLLL", "LLLLLL", "LLLLL", "LLLL LL", "LL LLLL", "LLL LLL", "LLLL 0",
          "0 LLLLL", "LLLLLL0", "LL 0 LL", "LLL0L", "LL LL")  # fmt: skip
"""What people write who may choose."""

LAYOUTS: tuple[PlateLayout, ...] = (
    _US,
    dataclasses.replace(
        _US, name="us chosen", patterns=(*_WORDS, "LLL@LLL", "LL@LLLL", "LLLL@0"),
        letters=CAPITALS, weight=2,
    ),
    PlateLayout(
        "show", 4.6, (*_WORDS, "LLL L0", "LLLL"),
        colours=((_WHITE, _BLACK),) * 3 + ((_BLACK, _WHITE), (_NAVY, _WHITE)),
        strip=Strip(("D", "GB", "S", "F"), chance=0.3), border=0.4, tall=0.62,
    ),
    PlateLayout(
        "germany", 4.73, ("S*LL 000", "S*L 0000", "S*LL 00", "S*LL 0000", "S*L 00"),
        codes=_TOWNS, strip=Strip(("D",)), border=0.9, tall=0.69,
    ),
    PlateLayout(
        "europe", 4.6,
        ("LL-000-LL", "0000 LLL", "LL 000 LL", "LLL 00L", "LL 00000", "00-LL-00",
         "L-000-LL", "LLL-000", "LL 0000L", "0L0 0000", "LLL.000", "LLL 000"),
        strip=Strip(("F", "E", "I", "PL", "S", "P", "CZ", "H", "B", "GR", "SK", "NL")),
        letters=_RATHER_CLEAR,
        colours=((_WHITE, _BLACK),) * 4 + ((_YELLOW, _BLACK), (_WHITE, _RED)),
        border=0.6, tall=0.67,
    ),
    PlateLayout(
        "uk", 4.68,
        ("LL00 LLL", "LL00 LLL", "LL00 LLL", "LL00 LLL", "L000 LLL", "LLL 000L",
         "L0 LLL", "L00 LLL", "LLL 00L", "LLL 0", "LLL 00", "0 LLL", "00 LLL"),
        colours=((_WHITE, _BLACK), (_YELLOW, _BLACK)), letters=_BRITISH,
        strip=Strip(("GB", "UK", "IRL"), chance=0.35), below=_DEALERS, border=0.15,
        tall=0.66,
    ),
    PlateLayout(
        "uk two rows", 1.42, ("LL00/LLL", "L000/LLL"),
        colours=((_WHITE, _BLACK), (_YELLOW, _BLACK)), letters=_BRITISH, border=0.1,
        tall=0.76, wide_cm=28,
    ),
    PlateLayout(
        "romania", 4.73, ("S 00 LLL", "S 00 LLL", "S 000 LLL"), codes=_COUNTIES,
        letters="ABCDEFGHIJKLMNOPRSTUVWXYZ", strip=Strip(("RO",)), border=0.5,
    ),
    PlateLayout(
        "ukraine", 4.64, ("S 0000 LL", "S0000LL"), letters="ABCEHIKMOPTX",
        codes=("AA", "BC", "KA", "AX", "CE", "BH", "AE", "HH"),
        strip=Strip(("UA",), colour=(30, 90, 190)), border=0.9, tall=0.66,
    ),
    PlateLayout(
        "india", 4.2, ("S00LL0000", "S 00 LL 0000", "S00L0000", "S 00 L 0000",
                       "S-00-LL-0000"),
        colours=((_WHITE, _BLACK),) * 5 + ((_YELLOW, _BLACK), (_GREEN, _WHITE)),
        codes=_INDIAN, letters=_CLEAR + "Q",
        strip=Strip(("IND",), part=0.06, chance=0.55), border=0.6,
        tall=0.55, wide_cm=50,
    ),
    PlateLayout(
        "india two rows", 1.55, ("S00LL/0000", "S00/LL0000", "S 00 L/0000",
                                 "S 00/L0000", "S00L/0000", "S 00/LL 0000"),
        colours=((_WHITE, _BLACK),) * 4 + ((_YELLOW, _BLACK),),
        codes=_INDIAN, letters=_CLEAR + "Q",
        strip=Strip(("IND",), part=0.08, chance=0.35), border=0.6,
        tall=0.72, wide_cm=20,
    ),
    PlateLayout(
        "mercosur", 3.08, ("LLL0L00", "LL 000 LL", "LLL 0000"),
        strip=Strip(("BRASIL", "ARGENTINA", "URUGUAY"), side="top", part=0.2, chance=1),
        colours=((_WHITE, _BLACK),) * 3 + ((_WHITE, _RED),), border=0.3, tall=0.58,
        wide_cm=40,
    ),
    PlateLayout(
        "brazil", 3.08, ("LLL.0000", "LLL-0000"),
        colours=(((172, 176, 178), (25, 25, 30)), (_RED, _WHITE)), above=_CITIES,
        border=0.7, tall=0.56, wide_cm=40,
    ),
    PlateLayout(
        "china", 3.14, ("%L.00000", "%L.L0000", "%L.0L000", "LL.00000"),
        colours=(((24, 64, 168), _WHITE), ((20, 56, 150), _WHITE), (_YELLOW, _BLACK)),
        letters="ABCDEFGHJKLMNPQRSTUVWXYZ", border=0.9, tall=0.64, wide_cm=44,
    ),
    PlateLayout(
        "china electric", 3.43, ("%L.L00000", "%L.00000L", "LL000000"),
        colours=(((110, 200, 140), _BLACK),), fades=((232, 244, 236),),
        letters="ABCDEFGHJKLMNPQRSTUVWXYZ", border=0.8, tall=0.64, wide_cm=48,
    ),
    PlateLayout(
        "australia", 2.78, ("LLL-000", "LLL.00L", "0LL.0LL", "000.LLL"),
        colours=(((240, 236, 220), (20, 60, 40)), (_WHITE, _NAVY), (_YELLOW, _BLACK),
                 (_BLACK, _WHITE)),
        below=("NEW SOUTH WALES", "VICTORIA - THE PLACE TO BE", "QUEENSLAND"),
        tall=0.58, border=0.6, bolts=2, wide_cm=37,
    ),
    PlateLayout(
        "israel", 4.73, ("00-000-00", "000-00-000", "00.000.00"),
        colours=((_YELLOW, _BLACK),), strip=Strip(("IL",), chance=0.8), border=0.7,
    ),
    PlateLayout(
        "old", 4.0, ("LLL 000", "LL 0000", "L 00000", "LLL 000L", "0000 LL"),
        colours=((_BLACK, (205, 205, 200)), ((40, 40, 90), _WHITE),
                 (_BLACK, (225, 205, 130))),
        letters=_RATHER_CLEAR, border=0.6, tall=0.64,
    ),
    PlateLayout(
        "plain", 3.6,
        ("LLL000", "LL0000", "000LLL", "0000LL", "LLL0000", "000000", "L000LL",
         "LL 000 L", "LL-0000", "L00LLL", "00000L", "LLLL"),
        colours=((_WHITE, _BLACK),) * 3 + (
            (_WHITE, _RED), (_WHITE, _NAVY), (_WHITE, _GREEN), (_RED, _WHITE),
            (_YELLOW, _BLACK), (_GREEN, _WHITE), ((190, 195, 200), _BLACK)),
        letters=_RATHER_CLEAR, border=0.4, tall=0.6, wide_cm=45,
    ),
    PlateLayout(
        "plain two rows", 1.7,
        ("LL/0000", "LLL/000", "000/LLL", "LL00/0000", "LLL/0000"),
        colours=((_WHITE, _BLACK),) * 2 + (
            (_YELLOW, _BLACK), (_BLACK, _WHITE), (_WHITE, _RED), (_NAVY, _WHITE)),
        letters=_RATHER_CLEAR, border=0.4, tall=0.72, wide_cm=28,
    ),
)  # fmt: skip
"""The kinds of plates."""

_WEIGHTS = np.array([layout.weight for layout in LAYOUTS])


def any_layout(rng: np.random.Generator, names: Sequence[str] = ()) -> PlateLayout:
    """One of `LAYOUTS`, as likely as its weight says.

    Args:
        rng: decides.
        names: of those that may be taken; all if there are none.

    Raises:
        ConfigError: there is no layout of such a name.
    """
    known = [layout.name for layout in LAYOUTS]
    for name in names:
        if name not in known:
            raise ConfigError(
                f"Layouts of plates: {', '.join(known)}. Received: {name!r}."
            )
    odds = _WEIGHTS * np.array([not names or name in names for name in known])
    return LAYOUTS[int(rng.choice(len(LAYOUTS), p=odds / odds.sum()))]
