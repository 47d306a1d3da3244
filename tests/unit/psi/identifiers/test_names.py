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
    "محمد Muhamad Мохамед मोहम्मद Mohd",
    "فاطمة فاطمه Fatima Fatma Fatimah",
    "عبدالله Abdullah Abdallah Абдулла",
    "الحسن Al-Hassan AlHassan Hassan Хасан",
    "وليد Walid Валид",
    "نوال Nawal",
    "حسين Hussein Хусейн",
    "وفاء Wafa Ouafa",
    "الموسوي Al-Mousawi Al-Musawi",
    "Țurcanu Turcanu Ţurcanu",
    "Ștefan Ştefan Stefan Штефан",
    "Щерев Shterev Shcherev",
    "جمال Jamal Dzhamal Джамал Džemal",
    "Γιάννης Giannis Yannis",
    "Μπακογιάννης Bakogiannis",
    "Χρήστος Christos Hristos",
    "ჯუღაშვილი Dzhugashvili Jughashvili",
    "Nguyễn Nguyen",
    "Đặng Dang",
    "Yıldız Yildiz",
    "Erdoğan Erdogan Эрдоган",
    "Сергій Serhii Sergei",
    "Ольга Olha Olga",
    "Євген Yevhen Evgen",
    "Катерина Kateryna Ekaterina Екатерина",
    "सिंह Singh",
    "เพ็ญศรี Pensri",
    "Simić Simic Симић",
    "Lü Lu Lv",
    "Giulia Julia Юлия",
    "Abdulrahman Abdurrahman Abderrahmane عبدالرحمن",
]
DIFFERENT = [
    "Olena Oksana",
    "Kovalenko Kovalchuk",
    "Popescu Ionescu",
    "Müller Meier",
    "Ahmed Hamid",
    "Maria Marta",
    "Ivanov Petrov",
    "Abdullah Abdulrahman",
    "Eric Eris",
    "Walid Khalid",
    "Nguyen Tran",
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
        ("Kovalenko geb. Bondar", "Kovalenko"),
        ("Abdul Rahman", "Abdurrahman"),
        ("عبد الرحمن", "Abdel-Rahman"),
        ("Dr. Popescu", "Popescu"),
        ("de", "De"),
        ("  POPESCU ", "popescu"),
        ("García López", "Garcia"),
    ],
)
def test_particles_titles_and_further_words(text: str, same: str) -> None:
    assert form(text) == form(same)


def test_a_single_word_is_a_given_name() -> None:
    assert set(Person.from_cells({"full_name": Cell("Olena")})[0].to_dict()) == {"given_name", "given_letters"}


def test_a_patronymic_is_no_family_name() -> None:
    whole = Person.from_cells({"full_name": Cell("Иванов Иван Петрович")})[0].to_dict()
    parts = Person.from_cells({"given_name": Cell("Иван Петрович"), "family_name": Cell("Иванов")})[0].to_dict()
    assert sorted(whole.values()) == sorted(parts.values())
    assert whole["father_name"] == parts["father_name"]


def test_a_surname_that_looks_like_a_patronymic_stays() -> None:
    assert "father_name" not in Person.from_cells({"full_name": Cell("Zoran Petrovich")})[0].to_dict()


def names(text: str) -> list[str]:
    """The two names of a whole name, in any order."""
    forms = Person.from_cells({"full_name": Cell(text)})[0].to_dict()
    return sorted(form for field, form in forms.items() if field in ("given_name", "family_name"))


@pytest.mark.parametrize(
    "spellings",
    [
        ["王小明", "王 小明", "Wang Xiaoming", "wangxiaoming", "Xiaoming Wang", "WANG Xiao Ming", "Xiao Ming Wang"],
        ["欧阳小明", "歐陽 小明", "Ouyang Xiaoming", "OUYANG Xiao-Ming"],
        ["曾国", "Zeng Guo"],
        ["김민수", "Kim Min-su", "KIM Minsu", "Minsu Kim"],
        ["Popescu, Ana Maria", "Ana Maria POPESCU", "Popescu Ana", "Ana Maria Popescu"],
        ["Коваленко Олена Петрівна", "Olena Kovalenko", "KOVALENKO Olena Petrivna"],
        ["Aliyev Vali Hasan oglu", "Vali Aliyev"],
        ["Olena (Lena) Kovalenko", "Olena Kovalenko geb. Bondar", 'Olena "Lena" Kovalenko'],
    ],
)
def test_whole_names_agree(spellings: list[str]) -> None:
    assert len({tuple(names(text)) for text in spellings}) == 1
    assert len(names(spellings[0])) == 2


def test_columns_agree_with_a_whole_name() -> None:
    for given, family, whole in (
        ("Xiao Ming", "Wang", "王小明"),
        ("小明", "王", "Wang Xiaoming"),
        ("Min-su", "Kim", "김민수"),
        ("Thị Minh Khai", "Nguyễn", "Nguyen Thi Minh Khai"),
    ):
        parts = Person.from_cells({"given_name": Cell(given), "family_name": Cell(family)})[0].to_dict()
        assert sorted((parts["given_name"], parts["family_name"])) == names(whole)


@pytest.mark.parametrize(
    "name", ["Maria", "Marina", "Helena", "Malina", "Lina", "Wangari", "Angela", "Zhanna", "Songül"]
)
def test_what_could_be_syllables_stays_whole(name: str) -> None:
    assert set(Person.from_cells({"full_name": Cell(name)})[0].to_dict()) == {"given_name", "given_letters"}


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Петрівна", "Петро"),
        ("Ivanovich", "Ivan"),
        ("Georgieva", "Georgi"),
        ("Ihorivna", "Ihor"),
        ("Сергеевич", "Serhii"),
    ],
)
def test_a_patronymic_is_the_fathers_name(text: str, same: str) -> None:
    first, second = (Person.from_cells({"father_name": Cell(one)})[0] for one in (text, same))
    assert first == second != Person({})


@pytest.mark.parametrize(
    "names",
    [
        "Bucharest București Bukarest Бухарест",
        "Wien Vienna Вена",
        "Чернівці Czernowitz Cernăuți",
        "Київ Kiev Kyiv",
        "Харків Kharkov Charkiw",
        "القاهرة Cairo Kairo",
    ],
)
def test_towns_by_their_names_in_other_languages(names: str) -> None:
    assert len({Person.from_cells({"locality": Cell(name)})[0].to_dict()["locality"] for name in names.split()}) == 1


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
