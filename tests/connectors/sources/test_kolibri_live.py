"""Kolibri against a real server: what its own objects hold is what is stated."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kolibri_server import FACILITY, PASSWORD, USER, kolibri
from source_contract import KEY, completed, landed, mapped, statements_of

from connectors.source import Window
from connectors.sources.kolibri import Kolibri
from leerstroom.errors import CredentialsRefused, UnexpectedShape
from leerstroom.statements.vocabulary import canonical_verb

SEED = """
import datetime, uuid
from kolibri.core.auth.models import Classroom, Facility, FacilityUser
from kolibri.core.logger.models import AttemptLog, ContentSessionLog, ContentSummaryLog, MasteryLog
facility = Facility.objects.first()
classroom = Classroom.objects.create(name="Inwerken", parent=facility)
people = []
for name, number in (("jan_jansen", "E01040"), ("fatima_elamrani", "E01031"), ("piet_devries", "")):
    user = FacilityUser(username=name, full_name=name.title(), facility=facility, id_number=number)
    user.set_password("een-wachtwoord")
    user.save()
    classroom.add_member(user)
    people.append(user)
channel, video, exercise = (uuid.uuid5(uuid.NAMESPACE_DNS, each).hex for each in ("channel", "video", "exercise"))
begun = datetime.datetime(2026, 11, 3, 9, 0, 0, 716391, tzinfo=datetime.timezone.utc)
for number, user in enumerate(people):
    end, progress = begun + datetime.timedelta(minutes=10 + number), 1 if number < 2 else 0.4
    common = dict(user=user, content_id=video, channel_id=channel, start_timestamp=begun, end_timestamp=end, time_spent=600 + 60 * number, progress=progress, kind="video")
    ContentSessionLog.objects.create(**common)
    ContentSummaryLog.objects.create(**common, completion_timestamp=end if progress == 1 else None)
end = begun + datetime.timedelta(minutes=5)
common = dict(user=people[0], content_id=exercise, channel_id=channel, start_timestamp=begun, end_timestamp=end, time_spent=300, progress=1, kind="exercise")
session = ContentSessionLog.objects.create(**common)
summary = ContentSummaryLog.objects.create(**common, completion_timestamp=end)
mastery = MasteryLog.objects.create(user=people[0], summarylog=summary, mastery_criterion={"type": "m_of_n", "m": 3, "n": 5}, start_timestamp=begun, end_timestamp=end, mastery_level=1, complete=True)
for number in range(1, 8):
    moment = begun + datetime.timedelta(seconds=40 * number)
    AttemptLog.objects.create(user=people[0], masterylog=mastery, sessionlog=session, item="q%d" % number, start_timestamp=begun, end_timestamp=moment, completion_timestamp=moment,
        time_spent=40, complete=True, correct=number % 2, answer={"value": "het antwoord"}, simple_answer="het antwoord")
"""

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]


def test_what_a_real_server_holds_is_what_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.sources.kolibri._PER_PAGE", 2)  # so that lists go on
    window = Window(datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 10, tzinfo=UTC))
    with kolibri(tmp_path, SEED) as server:
        for sort in ("session", "summary"):
            server.export(sort, tmp_path / f"{sort}.csv")
        fields = {"host": server.url, "tenant": "https://kolibri.example.org", "user": USER, "password": PASSWORD}
        source = completed(Kolibri, {**fields, "files": [str(tmp_path / "*.csv")]})
        with source.api() as api:
            assert source.check(api) == "4 users can be read, 2 exports with 8 rows"
            records = list(source.pull(api, window))
        wrong = completed(Kolibri, {**fields, "password": "een-ander"})
        with wrong.api() as api, pytest.raises(CredentialsRefused):
            wrong.check(api)
        learner = completed(Kolibri, {**fields, "user": "piet_devries", "password": "een-wachtwoord"})
        with learner.api() as api, pytest.raises(UnexpectedShape, match="administrator"):
            learner.check(api)
    mapper, made = mapped(source, landed(source, records))
    assert mapper.counts.balances
    assert not mapper.counts.quarantined
    stated = statements_of(made)
    told = Counter(canonical_verb(each["verb"]["id"]) for each in stated)
    assert told == {"watched": 3, "attempted": 1, "completed": 3, "answered": 7}
    mine = [
        each
        for each in stated
        if each["actor"]["account"]["name"] == KEY.account("https://kolibri.example.org", f"{FACILITY}/jan_jansen")
    ]
    assert len(mine) == 11, "the exports know a name, the API an id: one person"
    assert sum(each["result"].get("success") is True for each in mine) == 4
    assert {record["person"]["hr"] for record in records if record["person"]["account"].endswith("jan_jansen")} == {
        "E01040"
    }
    assert not any(
        secret in json.dumps([stated, landed(source, records)])
        for secret in ("jan_jansen", "Jansen", "het antwoord", PASSWORD)
    )
