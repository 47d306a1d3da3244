"""Names: spellings of one name agree, different names stay apart."""

import pytest

from psi.identifiers import Cell, Person, RefusedValue

SAME = [
    "Олена Olena Олена Yelena Елена Jelena",
    "Коваленко Kovalenko Kowalenko",
    "Ігор Ihor Igor Игорь",
    "Олег Oleh Oleg",
    "Христина Hristina Khrystyna Christina Kristina",
    "Галина Halyna Galina",
    "Щербак Shcherbak",
    "Юлія Yulia Iuliia Julia",
    "Đorđević Djordjevic Dordevic Ђорђевић",
    "Јовановић Jovanović Jovanovic",
    "Müller Mueller Muller",
    "Şahin Sahin Shahin",
    "Strauß Strauss",
    "محمد Mohammed Muhammad Mohamed",
    "أحمد Ahmed Ahmad",
    "يوسف Yusuf Youssef",
    "خالد Khaled Khalid",
    "Γεώργιος Georgios",
    "Wałęsa Walesa",
    "O'Brien OBrien O’Brien",
]
DIFFERENT = [
    "Olena Oksana",
    "Kovalenko Kovalchuk",
    "Popescu Ionescu",
    "Müller Meier",
    "Ahmed Hamid",
    "Maria Marta",
    "Ivanov Petrov",
]


def form(text: str) -> str:
    return Person.from_cells({"family_name": Cell(text)})[0].to_dict()["family_name"]


@pytest.mark.parametrize("names", SAME)
def test_spellings_agree(names: str) -> None:
    assert len({form(name) for name in names.split()}) == 1


@pytest.mark.parametrize("names", DIFFERENT)
def test_different_names_stay_apart(names: str) -> None:
    first, second = names.split()
    assert form(first) != form(second)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("van der Berg", "Berg"),
        ("Al-Hassan", "AlHassan"),
        ("Dr. Popescu", "Popescu"),
        ("de", "De"),
        ("  POPESCU ", "popescu"),
        ("García López", "Garcia"),
    ],
)
def test_particles_titles_and_further_words(text: str, same: str) -> None:
    assert form(text) == form(same)


def test_a_single_word_is_a_given_name() -> None:
    assert set(Person.from_cells({"full_name": Cell("Olena")})[0].to_dict()) == {"given_name"}


def test_a_patronymic_is_no_family_name() -> None:
    whole = Person.from_cells({"full_name": Cell("Иванов Иван Петрович")})[0].to_dict()
    parts = Person.from_cells({"given_name": Cell("Иван Петрович"), "family_name": Cell("Иванов")})[0].to_dict()
    assert sorted(whole.values()) == sorted(parts.values())
    assert whole["father_name"] == parts["father_name"]


def test_a_surname_that_looks_like_a_patronymic_stays() -> None:
    assert "father_name" not in Person.from_cells({"full_name": Cell("Zoran Petrovich")})[0].to_dict()


def test_a_long_chinese_surname() -> None:
    person = Person.from_cells({"full_name": Cell("欧阳小明")})[0]
    assert person == Person.from_cells({"full_name": Cell("Ouyang Xiaoming")})[0]
    assert person == Person.from_cells({"full_name": Cell("欧阳 小明")})[0]


@pytest.mark.parametrize("cell", [Cell("12"), Cell("Anna", 5.0), Cell("№ 7")])
@pytest.mark.parametrize("name", ["given_name", "family_name", "full_name", "locality"])
def test_what_is_no_name_is_refused(name: str, cell: Cell) -> None:
    person, refused = Person.from_cells({name: cell})
    if name in refused:
        assert isinstance(refused[name], RefusedValue)
        assert person.to_dict() == {}
    else:
        assert cell.text == "№ 7"  # NFKC writes the sign as the letters "No"


@pytest.mark.parametrize(
    ("text", "same"),
    [("ul. Shevchenka", "вул. Шевченка"), ("12 Stanley Street", "Stanley St, 12"), ("Unit 4", "Flat 4")],
)
def test_address_lines(text: str, same: str) -> None:
    first, second = (Person.from_cells({"address_1": Cell(one)})[0] for one in (text, same))
    assert first == second != Person({})


@pytest.mark.parametrize(("text", "code"), [("UA", "UA"), ("ukr", "UA"), ("Germania", "DE"), ("D", "DE")])
def test_countries(text: str, code: str) -> None:
    person, refused = Person.from_cells({"nationality": Cell(text)})
    assert (person.to_dict(), refused) == ({"nationality": code}, {})


@pytest.mark.parametrize("text", ["1067", "01067", "1067.0", " 0 1067"])
def test_postcodes_without_what_spreadsheets_drop(text: str) -> None:
    assert Person.from_cells({"postcode": Cell(text)})[0] == Person({"postcode": "1067"})
    assert Person.from_cells({"postcode": Cell("", 1067.0)})[0] == Person({"postcode": "1067"})
