"""Columns that are refused by what stands in them, and their harmless twins, which are not."""

import base64
import random

import pytest

from node.datasets import suggest
from node.datasets.columns import propose
from node.datasets.content import look
from node.datasets.content_refused import MIN_CELLS, Refused, refused_content
from node.errors import UserError
from psi.identifiers import FORBIDDEN

DICE = random.Random(7)
FILL = base64.b64encode(DICE.randbytes(400)).decode()
VECTOR = "[" + ", ".join(f"{DICE.uniform(-1, 1):.6f}" for _ in range(128)) + "]"
STORY = (
    "She came with a friend of the family and was told that the work would be in a kitchen by the sea for the summer"
)

STRONG = [
    ("health", ["F43.1", "F32.0", "A15.0", "Z21.9", "F43.1"]),
    ("health", ["depression", "HIV positive", "hepatitis B", "none known", "diabetes"]),
    ("health", ["leidet an Epilepsie", "schwanger (5. Monat)", "Tuberkulose", "gesund", "Depression"]),
    ("health", ["depresie", "gravidă", "diabet", "hepatită", ""]),
    ("health", ["депресия", "бременна", "диабет", "туберкулоза"]),
    ("health", ["zwanger", "depressie", "kanker", "geen"]),
    ("health", ["enceinte", "dépression", "diabète", "rien"]),
    ("religion", ["Christian", "Muslim", "Orthodox", "Christian", "Roman Catholic"]),
    ("religion", ["evangelisch", "katholisch", "konfessionslos", "muslimisch"]),
    ("religion", ["ortodoxă", "penticostal", "musulman", "catolică"]),
    ("religion", ["православна", "мюсюлманка", "атеист", "католик"]),
    ("religion", ["katholiek", "gereformeerd", "moslim", "katholiek"]),
    ("religion", ["catholique", "musulmane", "athée", "juif"]),
    ("ethnicity", ["Roma", "Hausa", "Yoruba", "Igbo"]),
    ("ethnicity", ["ромка", "помак", "ром", "ромка"]),
    ("sexual_orientation", ["heterosexual", "lesbian", "gay", "bisexual"]),
    ("sexual_orientation", ["hétérosexuelle", "homosexuel", "bisexuelle", "lesbienne"]),
    ("location_trace", ["44.4268, 26.1025", "44.4270, 26.1031", "44.4272 26.1040", "44.4280,26.1050"]),
    ("location_trace", ["44.4268 26.1025 80.1 4.0", "44.4270 26.1031 81 5", "44.4272 26.1040 0 0", "x"]),
    ("free_text", [STORY, STORY + " and more", STORY[:100], STORY]),
    ("fingerprint", ["Rk1SACAyMAAAAA" + FILL] * 4),
    ("fingerprint", ["464D52002032300000" + "00" * 60] * 4),
    ("face_template", ["RkFDADAxMAAAAA" + FILL] * 4),
    ("face_template", ["data:image/jpeg;base64," + FILL] * 4),
    ("face_template", [VECTOR] * 4),
    ("dna", ["D3S1358 15,16; TH01 6,9.3; FGA 21,24", "D3S1358 14,17; TH01 7,9; vWA 16,18"] * 2),
    ("dna", ["ACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGTTGCAACGT"] * 4),
    ("message_content", ["[12/03/2024, 10:15:33] Ana: are you there", "[12/03/2024, 10:16] Ion: yes"] * 3),
    ("message_content", ["12.03.24, 10:15 - Ana: bist du da", "12.03.24, 10:16 - Ion: ja"] * 3),
    ("password", ["$2b$12$" + "a" * 53, "$2y$10$" + "b" * 53] * 3),
    ("password", ["$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA"] * 4),
    ("password", ["pbkdf2_sha256$260000$salt$hash"] * 4),
]


@pytest.mark.tm("TM-103")
@pytest.mark.parametrize(("about", "cells"), STRONG, ids=range(len(STRONG)))
def test_cells_about_something_refused_are_found(about, cells):
    assert refused_content([cell for cell in cells if cell]) == Refused(about, True)
    assert about in FORBIDDEN


TWINS = {
    "streets": [
        "Church Street 4",
        "Mosque Lane",
        "Rue de l'Église",
        "Orthodox Square 1",
        "Catholic Road",
        "Cancer Hill",
    ],
    "names": ["Christian", "Roman", "Maria", "Gay", "Ana", "Roma", "Olena", "Ion", "Faith", "Aurora", "Elena", "Kurt"],
    "family names": [
        "Christian",
        "Popescu",
        "Novak",
        "Black",
        "White",
        "Petrov",
        "Ivanova",
        "Jansen",
        "Dubois",
        "Roman",
    ],
    "towns": ["Roma", "Sofia", "Bucharest", "Bremen", "Orleans", "Deventer", "Plovdiv", "Hull", "Lyon", "Arad"],
    "nationalities": ["Romanian", "Bulgarian", "Hungarian", "Nigerian", "Turkish", "Ukrainian"],
    "companies": [
        "Trauma Records Ltd",
        "Green Party Supplies",
        "Orthodox Books",
        "Sun Hotel",
        "Café Liberal",
        "Blue SRL",
    ],
    "postcodes": ["B12 8QX", "E14 5AB", "F75001", "1011 AB", "020021", "10115"],
    "wallets": ["3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"] * 3,
    "hashes": ["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"] * 6,
    "addresses": ["12 Example Street, Flat 4, Hull HU1 1AA, United Kingdom", "Musterstraße 5, 10115 Berlin"] * 3,
    "prices": ["12.50", "100.00", "99.99", "7.25"],
    "versions": ["1.2.3", "44.1", "26.10", "12.0"],
    "dates and times": ["12.03.2024 10:15", "2024-03-12 10:16:33", "12/03/2024", "2024-03-12T10:16"],
    "web addresses": ["https://example.org/" + "a" * 500] * 4,
    "telephone numbers": ["0171 3920061; 0171 3920062", "+49 171 3920063", "030 23125 064", "03023125065"],
    "references": ["F2024.1", "A15/2024", "HS-2024-001", "Z.21"],
}


@pytest.mark.parametrize("what", TWINS)
def test_harmless_cells_with_similar_words_are_not_refused(what):
    found = refused_content(TWINS[what])
    assert found is None, found


def test_a_column_of_names_with_a_few_such_words_is_not_refused():
    names = ["Ana", "Ion", "Maria", "Elena", "Olena", "Petar", "Jan", "Luc"] * 20
    assert refused_content([*names, "Christian", "Christian", "Muslim", "Roman", "Gay"]) is None


@pytest.mark.parametrize(
    ("about", "cells"),
    [
        ("religion", ["Muslim"] * 10),  # one word only: a list of people of one faith, or a family name
        ("religion", ["Christian", "Muslim", "Ana", "Ion", "Maria", "Petar", "Elena"]),
        ("politics", ["conservative", "liberal", "socialist", "liberal"]),
        ("location_trace", ["44.4268", "26.1025", "44.4270", "26.1031"]),
        ("free_text", ["one two three four five six seven eight nine ten eleven".replace("o", "oo")] * 4),
        ("fingerprint", [FILL] * 4),
        ("health", ["F43", "F32", "A15", "B20"]),
    ],
)
def test_weak_evidence_is_a_warning_and_no_refusal(about, cells):
    assert refused_content(cells) == Refused(about, False)
    seen = propose(["ref", "nick"], [["1"] * 4, cells], said={"ref": "reference", "nick": "alias"})
    seen.check()
    assert any('column "nick"' in doubt and "refused" in doubt for doubt in seen.doubts)


def test_too_few_cells_say_nothing():
    assert refused_content(["F43.1"] * (MIN_CELLS - 1)) is None


@pytest.mark.tm("TM-103")
@pytest.mark.parametrize(("about", "cells"), STRONG, ids=range(len(STRONG)))
def test_a_column_with_such_cells_cannot_be_mapped_and_no_cell_is_told(about, cells):
    cells = [cell for cell in cells if cell]
    header = ["ref", "Info"]
    seen = propose(header, [["1", "2"], cells], said={"ref": "reference", "Info": "alias"})
    with pytest.raises(UserError, match='column "Info" look like') as caught:
        seen.check()
    assert caught.value.advice
    assert FORBIDDEN[about] in caught.value.sentence
    for cell in cells:
        assert cell not in caught.value.diagnostics()
        assert all(cell not in doubt for doubt in seen.doubts)
    # Left out, it is no obstacle; and nothing is proposed for it.
    left_out = propose(header, [["1", "2"], cells], said={"ref": "reference", "Info": "ignore"})
    left_out.check()
    assert left_out.hints == {}
    assert look(cells).role == ""


def test_a_column_of_numbers_of_its_own_is_not_judged():
    """The reference never leaves the node, and whoever writes a story there is told so by the report."""
    seen = propose(["ref"], [[STORY] * 5], said={"ref": "reference"})
    seen.check()
    assert seen.doubts == ()


def test_the_suggestion_from_names_alone_knows_nothing_of_cells():
    assert suggest(["ref", "Info"]) == {"ref": "reference"}
