"""Profiles: what they say of exports, and that a wrong one is refused."""

import json

import pytest

from node.datasets import Mapping, Terms, open_table, preview
from node.datasets.columns import propose
from node.datasets.content import sample
from node.datasets.profiles import UNVERIFIED, Profile, all_profiles, find_profile, parse_profile
from node.datasets.roles import read_role
from node.errors import UserError
from tests.support.intake import TODAY, write_csv

NAMES = [
    "crawler-adverts",
    "hash-list",
    "hotline-log",
    "kobo-odk",
    "kobo-odk-repeat",
    "kobo-odk-repeat-json",
    "phone-contacts",
    "police-extract",
    "primero",
]


def test_the_shipped_profiles_are_these_and_all_say_that_they_are_unverified():
    assert [profile.name for profile in all_profiles()] == NAMES
    assert {profile.status for profile in all_profiles()} == {UNVERIFIED}
    assert all(profile.notes and profile.title for profile in all_profiles())


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_maps_a_reference_and_something_to_compare(name):
    profile = find_profile(name)
    roles = [role for text in profile.columns.values() if (role := read_role(text)) is not None]
    assert any(role.name == "reference" for role in roles)
    assert any(role.compared for role in roles)
    # The names of a profile, taken as a header, make a whole mapping.
    found = profile.columns_of(list(profile.columns))
    Mapping.of(found).bind(list(profile.columns))


EXPORTS = [
    ("crawler-adverts", "id|ad_id|site|url|phone|title|city|posted_at",
     {"id": "reference", "ad_id": "advert", "site": "advert_site", "url": "url", "phone": "phone"}),
    ("kobo-odk",
     "start|end|deviceid|person/first_name|person/last_name|person/date_of_birth|contact/phone_number|consent|"
     "_id|_uuid|_submission_time|_validation_status|_notes|_index",
     {"_uuid": "reference", "person/first_name": "given_name", "person/last_name": "family_name",
      "person/date_of_birth": "birth_date", "contact/phone_number": "phone", "consent": "consent"}),
    ("kobo-odk",
     "SubmissionDate|person-first_name|person-last_name|contact-phone|meta-instanceID|KEY|SubmitterID|FormVersion",
     {"meta-instanceID": "reference", "person-first_name": "given_name", "person-last_name": "family_name",
      "contact-phone": "phone"}),
    ("kobo-odk-repeat", "people/first_name|people/phone|_index|_parent_table_name|_parent_index|_submission__id|"
     "_submission__uuid|_submission__submission_time",
     {"_submission__uuid": "reference", "people/first_name": "given_name", "people/phone": "phone"}),
    ("kobo-odk-repeat-json", "people.people/first_name|people.people/phone|_uuid|formhub/uuid",
     {"_uuid": "reference", "people.people/first_name": "given_name", "people.people/phone": "phone"}),
    ("kobo-odk-repeat", "first_name|phone|PARENT_KEY|KEY", {"PARENT_KEY": "reference", "first_name": "given_name",
     "phone": "phone"}),
    ("primero", "case_id_display|name_first|name_last|name_nickname|sex|age|date_of_birth|nationality|national_id_no|"
     "telephone_current|consent_for_services|disclosure_other_orgs",
     {"case_id_display": "reference", "name_first": "given_name", "name_last": "family_name", "name_nickname": "alias",
      "sex": "sex", "date_of_birth": "birth_date", "nationality": "nationality", "national_id_no": "id_number",
      "telephone_current": "phone"}),
    ("primero", "Case ID|First Name|Surname|Date of Birth|Current Telephone",
     {"Case ID": "reference", "First Name": "given_name", "Surname": "family_name", "Date of Birth": "birth_date",
      "Current Telephone": "phone"}),
    ("phone-contacts", "#|Name|Entries|Source|Deleted", {"#": "reference", "Name": "alias", "Entries": "phone"}),
    ("hotline-log", "call_id|caller_phone|caller_name|reported_phone|reported_url|narrative",
     {"call_id": "reference", "reported_phone": "phone", "reported_url": "url"}),
    ("hash-list", "MediaID|MD5|SHA1|PhotoDNA|Category|FileName",
     {"MediaID": "reference", "MD5": "image_hash", "SHA1": "image_hash"}),
    ("police-extract", "FILE_NO|SURNAME|FIRST_NAME|DOB|DOC_NO|DOC_ISSUER|MSISDN|PLATE|PERSON_ROLE|OFFENCE",
     {"FILE_NO": "reference", "SURNAME": "family_name", "FIRST_NAME": "given_name", "DOB": "birth_date",
         "DOC_NO": "document",
      "DOC_ISSUER": "document_issuer", "MSISDN": "phone", "PLATE": "plate", "PERSON_ROLE": "record_class"}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "header", "roles"), EXPORTS, ids=range(len(EXPORTS)))
def test_an_export_is_mapped_by_its_profile(name, header, roles):
    columns = header.split("|")
    seen = propose(columns, [()] * len(columns), said={}, profile=find_profile(name))
    assert {column: role for column, role in seen.columns.items() if role != "ignore"} == roles
    assert {seen.origins[column] for column in roles} <= {"profile", "header"}
    Mapping.of(seen.columns)


def test_what_is_known_of_a_caller_is_never_a_key():
    """J7: the reporter's own data is never compared, whatever the column's name would propose."""
    columns = [
        "tip_id",
        "phone",
        "email",
        "caller_phone",
        "reporter_email",
        "ip_address",
        "from_number",
        "reported_phone",
    ]
    seen = propose(columns, [()] * len(columns), said={}, profile=find_profile("hotline-log"))
    assert [name for name, role in seen.columns.items() if role in ("phone", "email", "ip_window")] == [
        "reported_phone"
    ]
    # A person can say otherwise.
    said = propose(columns, [()] * len(columns), said={"phone": "phone"}, profile=find_profile("hotline-log"))
    assert (said.columns["phone"], said.origins["phone"]) == ("phone", "said")


def test_no_profile_takes_a_column_for_consent_that_was_given_for_something_else():
    assert "consent" not in find_profile("primero").columns.values()


def test_names_that_stand_twice_are_not_mapped():
    profile = find_profile("kobo-odk")
    assert profile.columns_of(["a/phone", "b/phone", "_uuid"]) == {"_uuid": "reference"}


GOOD = {
    "name": "own-export", "title": "Ours", "status": UNVERIFIED, "formats": ["csv"], "record_class": "contact",
    "columns": {"Nr": "reference", "Tel": "phone"}, "notes": ["ours"],
}  # fmt: skip


def test_a_profile_of_ones_own_is_read():
    profile = parse_profile(json.dumps(GOOD).encode())
    assert isinstance(profile, Profile)
    assert profile.columns_of(["NR.", "tel"]) == {"NR.": "reference", "tel": "phone"}
    assert repr(profile.explode) == "''"


@pytest.mark.parametrize(
    "change",
    [
        {"status": "tried"}, {"status": None}, {"formats": []}, {"formats": ["pdf"]}, {"record_class": "people"},
        {"columns": {}}, {"columns": {"Nr": "referenc"}}, {"columns": {"Nr": "phone:RO"}},
        {"columns": {"Religion": "alias"}},
        {"columns": {"Nr": "phone", "NR.": "reference"}}, {"columns": {"Nr": 1}}, {"notes": []}, {"name": "X"},
        {"extra": 1}, {"explode": 1}, {"explode": "people"}, {"dashes": "yes"},
        {"columns": {str(n): "phone" for n in range(201)}},
    ],
)  # fmt: skip
def test_what_is_no_profile_is_refused(change):
    with pytest.raises(UserError, match="not a profile") as caught:
        parse_profile(json.dumps(GOOD | change).encode())
    assert caught.value.advice


@pytest.mark.parametrize("data", [b"", b"[]", b"\xff", b"{", b"[" * 100_000])
def test_what_is_no_json_is_refused(data):
    with pytest.raises(UserError, match="not a profile"):
        parse_profile(data)


def test_an_unknown_profile_names_those_that_there_are():
    with pytest.raises(UserError, match="no profile of this name") as caught:
        find_profile("kobo")
    assert "kobo-odk" in caught.value.advice


def test_a_repeat_group_in_json_lines_becomes_one_row_for_each_person(tmp_path):
    lines = (
        '{"_uuid": "s-1", "consent": "yes", "people": [{"people/first_name": "Ana", "people/phone": "0171 3920061"},'
        ' {"people/first_name": "Ion", "people/phone": "0171 3920062"}]}\n'
        '{"_uuid": "s-2", "consent": "no", "people": [{"people/first_name": "Iva", "people/phone": "0171 3920063"}]}\n'
    )
    profile = find_profile("kobo-odk-repeat-json")
    with open_table(write_csv(tmp_path, lines, name="export.jsonl"), explode=profile.explode) as table:
        seen = propose(table.header, sample(table.rows(), len(table.header)), said={}, profile=profile, region="DE")
        shown = preview(table, Mapping.of(seen.columns), Terms("victim", region="DE"), today=TODAY)
    assert [row.takes_part for row in shown.rows] == [True, True, False]
    assert [row.number for row in shown.rows] == [1, 1, 2]
