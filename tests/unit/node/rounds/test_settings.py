"""The list of settings is that of the templates, and its defaults are what a template fills in."""

import pytest

from cli.round import app
from node.errors import NotFound
from node.rounds.jobs import TEMPLATES
from node.rounds.settings import settings_of
from node.rounds.templates import MATCH_SETTINGS, MEMBER_SETTINGS, REPLY_SETTINGS, SETTINGS


def listed(names: list[str]) -> set[str]:
    return {name for name in names if name not in ("reply", "members")}


def test_every_setting_is_listed_and_no_other() -> None:
    groups = {"reply": REPLY_SETTINGS, "members.ALIAS": MEMBER_SETTINGS, "match": MATCH_SETTINGS}
    known = listed(list(SETTINGS)) | {f"{group}.{name}" for group, names in groups.items() for name in names}
    assert {one.name for one in settings_of("J1")} == known


@pytest.mark.parametrize("job", sorted(TEMPLATES))
def test_the_defaults_are_the_job_s(job: str) -> None:
    template, found = TEMPLATES[job], {one.name: one.default for one in settings_of(job.lower())}
    assert found["title"] == template.title
    assert found["reply.mode"] == template.mode
    assert all(rule.kind in found["match"] for rule in template.match)
    assert all(one.means and one.default for one in settings_of(job))


def test_a_job_that_does_not_exist_says_where_they_are_listed() -> None:
    with pytest.raises(NotFound) as caught:
        settings_of("J99")
    assert "round templates" in caught.value.advice


def test_propose_says_where_settings_are_listed() -> None:
    (command,) = [one for one in app.registered_commands if one.callback and one.callback.__name__ == "propose"]
    assert command.callback is not None
    assert "round settings" in str(command.callback.__annotations__["set_"].__metadata__[0].help)
