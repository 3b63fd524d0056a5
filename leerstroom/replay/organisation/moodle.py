"""A Moodle site: mandatory and other courses with pages, a quiz, an assignment and a forum, and how people get through them.

Written are the tables and answers that `leerstroom.replay.moodle` serves, course by course and person by person.
"""

import csv
import random
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from leerstroom.replay.organisation import texts
from leerstroom.replay.organisation.plan import Organisation, Told, moodle_id
from leerstroom.replay.organisation.rhythm import DAY, HOUR, MINUTE

Row = dict[str, Any]
_COLUMNS = {
    "user": "id username idnumber firstname lastname email department institution deleted suspended timecreated lastaccess",
    "course": "id category fullname shortname idnumber format visible startdate enddate lang enablecompletion",
    "user_enrolments": "id userid courseid enrol status timestart timeend timecreated timemodified",
    "role_assignments": "id role contextid userid timemodified",
    "context": "id contextlevel instanceid path depth",
    "course_access": "course userid lastcourseaccess",
    "course_modules": "id course modname instance section idnumber visible completion deletioninprogress",
    "course_completions": "id userid course timeenrolled timestarted timecompleted reaggregate",
    "course_modules_completion": "id coursemoduleid userid completionstate overrideby timemodified",
    "quiz_attempts": "id quiz userid attempt uniqueid preview state timestart timefinish timemodified sumgrades",
    "assign_submission": "id assignment userid timecreated timemodified status attemptnumber latest text",
    "assign_grades": "id assignment userid timecreated timemodified grader grade attemptnumber",
    "forum_discussions": "id course forum name firstpost userid timemodified usermodified",
    "forum_posts": "id discussion parent userid created modified subject message deleted wordcount",
    "grade_items": "id courseid itemtype itemmodule iteminstance itemname grademax grademin gradepass",
    "grade_grades": "id itemid userid rawgrade rawgrademax finalgrade timecreated timemodified usermodified",
}
_TOKEN = "token-of-the-generated-academy"  # noqa: S105 - of a site that is nobody's
_CONNECTOR, _POWERLESS = 2, 3  # users of the site itself
_FIRST_COURSE = 2  # after the front page
_MANDATORY = 0.5  # share of the staff that a mandatory course has
_PAGES, _LINKS = 8, 2
_QUESTIONS, _PASS = 4, 5.5
_SAMPLE = 400
_SITE = "https://academie.voorbeeldstad.example"


def write(
    folder: Path, organisation: Organisation, records: int, told: Told, address: str
) -> dict[str, dict[str, Any]]:
    """Writes about so many records; returns the connection."""
    sample = Told()
    with _Tables(None) as nowhere:
        people = organisation.everyone.some(
            organisation.draw("learners of a sample"), min(_SAMPLE, organisation.plan.employees)
        )
        _Site(organisation, nowhere, sample, "academy of a sample").course(people, is_mandatory=False)
    enrolments = max(6, round(records / (sample.records / len(people))))
    with _Tables(folder) as tables:
        site = _Site(organisation, tables, told, "academy")
        for size, is_mandatory in _sizes(enrolments, organisation.plan.employees, organisation.draw("courses")):
            site.course(organisation.everyone.some(site.draw, size), is_mandatory=is_mandatory)
        site.write_answers(folder)
    return {
        "academy": {
            "source": "moodle",
            "host": address,
            "tenant": _SITE,
            "token": _TOKEN,
            "mandatory_courses": {f"VP-{number}": 30 for number in site.mandatory},
            "requests_per_minute": 600_000,
        }
    }


def _sizes(enrolments: int, employees: int, draw: random.Random) -> list[tuple[int, bool]]:
    """(learners, whether it is mandatory) of each course: one in five is for half of the staff, the others for some."""
    sizes: list[tuple[int, bool]] = []
    while enrolments > 0:
        is_mandatory = len(sizes) % 5 == 0
        wanted = round(employees * _MANDATORY) if is_mandatory else min(employees // 2, draw.randrange(20, 200))
        sizes.append((max(3, min(wanted, enrolments)), is_mandatory))
        enrolments -= sizes[-1][0]
    return sizes


class _Tables:
    """The CSV files of the site, open while they are written; without a folder rows are only counted."""

    def __init__(self, folder: Path | None) -> None:
        self._folder, self._open = folder, ExitStack()
        self._writers: dict[str, Any] = {}
        self._ids = dict.fromkeys(_COLUMNS, 0)

    def __enter__(self) -> "_Tables":
        if self._folder is None:
            return self
        for name, columns in _COLUMNS.items():
            stream = self._open.enter_context((self._folder / f"{name}.csv").open("w", encoding="utf-8", newline=""))
            self._writers[name] = csv.writer(stream, lineterminator="\n")
            self._writers[name].writerow(columns.split())
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def add(self, table: str, *values: Any) -> int:
        """A row with the next number of its table, which is returned."""
        self._ids[table] += 1
        if self._writers:
            self._writers[table].writerow((self._ids[table], *values))
        return self._ids[table]

    def count(self, table: str) -> int:
        """The number of the last row."""
        return self._ids[table]

    def add_plain(self, table: str, *values: Any) -> None:
        """A row that says its own number, or has none."""
        if self._writers:
            self._writers[table].writerow(values)


@dataclass(frozen=True, slots=True)
class _Course:
    """The numbers of a course and of what is in it."""

    id: int
    context: int
    begin: int
    pages: tuple[int, ...]  # course modules
    quiz: int
    quiz_module: int
    quiz_item: int
    assignment: int
    assignment_module: int
    assignment_item: int
    total_item: int
    forum: int
    trainers: tuple[int, ...]


class _Site:
    """The site while it is written. Times are epochs in seconds; of people only the last visit is held, of courses their answers."""

    def __init__(self, organisation: Organisation, tables: _Tables, told: Told, purpose: str) -> None:
        self.draw = organisation.draw(purpose)
        self.mandatory: list[int] = []
        self._organisation, self._tables, self._told = organisation, tables, told
        self._start, self._end = organisation.rhythm.start // 1000, organisation.rhythm.end // 1000
        self._seen: dict[int, int] = {}  # person -> last visit
        self._answers: dict[str, Any] = {
            "courses": [_course_answer(1, "Academie", "site", 0)], "contents": {}, "quizzes": [], "forums": [], "assignments": [], "criteria": {},
        }  # fmt: skip
        tables.add_plain("course", 1, 0, "Academie", "SITE", "", "site", 1, 0, 0, "", 0)

    def course(self, people: list[int], *, is_mandatory: bool) -> None:
        """A course with its learners, and all that they do there."""
        trainers = tuple(people[:: max(1, len(people) // 2)][:2]) if len(people) > 2 else ()
        course = self._furnished(trainers, is_mandatory=is_mandatory)
        for who in people:
            is_trainer = who in trainers
            self._enrolled(course, who, is_trainer=is_trainer)
            if not is_trainer:
                self._learns(course, who)
        learners = [who for who in people if who not in trainers]
        for _ in range(len(learners) // 6):
            self._discusses(course, learners)
        for who in people:
            self._tables.add_plain("course_access", course.id, moodle_id(who), self._seen[who])

    # --- the course itself --------------------------------------------------------------------------------------------------------

    def _furnished(self, trainers: tuple[int, ...], *, is_mandatory: bool) -> _Course:
        tables, answers = self._tables, self._answers
        number = len(answers["courses"]) + 1
        name, begin = texts.subject(number - _FIRST_COURSE), self._start - 60 * 86_400
        if is_mandatory:
            self.mandatory.append(number)
        answers["courses"].append(_course_answer(number, name, "topics", begin, "VP" if is_mandatory else "VK"))
        tables.add_plain(
            "course",
            number,
            1,
            name,
            f"{'VP' if is_mandatory else 'VK'}-{number}",
            f"LRN-{number}",
            "topics",
            1,
            begin,
            0,
            "",
            1,
        )
        context = tables.add("context", 50, number, "/1", 2)
        for who in trainers:
            tables.add("role_assignments", "editingteacher", context, moodle_id(who), begin)
        modules: list[Row] = []

        def module(sort: str, title: str, instance: int, completion: int, *rules: str) -> int:
            made = tables.add("course_modules", number, sort, instance, number, f"M{len(modules)}", 1, completion, 0)
            modules.append(_module_answer(made, sort, title, instance, completion, rules))
            return made

        first = (number - _FIRST_COURSE) * _PAGES
        pages = [
            module("page", f"{name}, deel {turn + 1}", first + turn + 1, 2, "completionview") for turn in range(_PAGES)
        ]
        pages += [module("url", f"Verder lezen {turn + 1}", first + turn + 1, 1) for turn in range(_LINKS)]
        instance = number - _FIRST_COURSE + 1
        quiz = module("quiz", f"Toets {name}", instance, 2, "completionusegrade", "completionpassgrade")
        assignment = module("assign", f"Opdracht {name}", instance, 2, "completionsubmit")
        forum = module("forum", f"Vragen over {name}", instance, 0)
        tables.add("context", 70, forum, "/1/2", 3)
        total = tables.add("grade_items", number, "course", "", instance, "", "100.00000", "0.00000", "0.00000")
        of_quiz = tables.add(
            "grade_items", number, "mod", "quiz", instance, f"Toets {name}", "10.00000", "0.00000", f"{_PASS:.5f}"
        )
        of_work = tables.add(
            "grade_items", number, "mod", "assign", instance, f"Opdracht {name}", "10.00000", "0.00000", "0.00000"
        )
        answers["contents"][str(number)] = [
            {"id": number, "name": "Onderdelen", "visible": 1, "section": 1, "uservisible": True, "modules": modules}
        ]
        answers["quizzes"].append({
            "id": instance,
            "coursemodule": quiz,
            "course": number,
            "name": f"Toets {name}",
            "sumgrades": _QUESTIONS,
            "grade": 10,
        })
        answers["forums"].append({
            "id": instance,
            "course": number,
            "type": "general",
            "name": f"Vragen over {name}",
            "cmid": forum,
        })
        work = {
            "id": instance,
            "cmid": assignment,
            "course": number,
            "name": f"Opdracht {name}",
            "grade": 10,
            "duedate": 0,
        }
        answers["assignments"].append({
            "id": number,
            "fullname": name,
            "shortname": f"VK-{number}",
            "timemodified": begin,
            "assignments": [work],
        })
        answers["criteria"][str(number)] = [_criterion(each) for each in (*pages, quiz)]
        return _Course(
            id=number, context=context, begin=begin, pages=tuple(pages), quiz=instance, quiz_module=quiz, quiz_item=of_quiz, assignment=instance, assignment_module=assignment,
            assignment_item=of_work, total_item=total, forum=instance, trainers=trainers,
        )  # fmt: skip

    # --- what people do there -----------------------------------------------------------------------------------------------------

    def _enrolled(self, course: _Course, who: int, *, is_trainer: bool) -> None:
        since = course.begin + self.draw.randrange(50 * 86_400)
        self._tables.add("user_enrolments", moodle_id(who), course.id, "manual", 0, 0, 0, since, since)
        if not is_trainer:
            self._tables.add("role_assignments", "student", course.context, moodle_id(who), since)
        self._seen.setdefault(who, self._start - 86_400)
        self._told.record("ignored" if is_trainer else "registered")

    def _learns(self, course: _Course, who: int) -> None:
        """Some never begin, some stop halfway, most complete; each step falls into somebody's working hours."""
        turn = self.draw.random()
        if turn < 0.12:
            return
        steps = self.draw.randrange(1, len(course.pages)) if turn < 0.37 else len(course.pages) + 2
        moments = sorted(self._organisation.rhythm.moment(self.draw) // 1000 for _ in range(steps))
        user = moodle_id(who)
        for page, at in zip(course.pages, moments, strict=False):
            self._tables.add("course_modules_completion", page, user, 1, "", at)
            self._told.record("completed")
        if steps > len(course.pages):
            self._attempts(course, user, moments[-2])
            self._hands_in(course, user, moments[-1])
        self._saw(who, moments[-1])

    def _attempts(self, course: _Course, user: int, at: int) -> None:
        """Attempts until one is enough or the days are over; the one that is enough completes the course."""
        draw, last, best = self.draw, at, 0
        for turn in range(1, 4):
            begun = at if turn == 1 else last + draw.randrange(MINUTE // 1000, DAY // 1000)
            ended = begun + draw.randrange(60, 1500)
            if ended >= self._end:
                break
            right = draw.choice((1, 2, 3, 3, 4, 4))
            self._tables.add(
                "quiz_attempts", course.quiz, user, turn, turn, 0, "finished", begun, ended, ended, f"{right}.00000"
            )
            is_enough = right / _QUESTIONS * 10 >= _PASS
            self._told.record("passed" if is_enough else "failed")
            last, best = ended, max(best, right)
            if is_enough:
                break
        if not best:
            return
        is_passed = best / _QUESTIONS * 10 >= _PASS
        self._tables.add("course_modules_completion", course.quiz_module, user, 2 if is_passed else 3, "", last)
        self._told.record("ignored")  # told by the attempts
        grade = f"{best / _QUESTIONS * 10:.5f}"
        self._tables.add("grade_grades", course.quiz_item, user, grade, "10.00000", grade, last, last, user)
        self._told.record("ignored")
        if is_passed:
            self._tables.add("course_completions", user, course.id, 0, self._start, last, 0)
            self._told.record("completed")

    def _hands_in(self, course: _Course, user: int, at: int) -> None:
        """The assignment, which a trainer grades some days later."""
        self._tables.add(
            "assign_submission", course.assignment, user, at, at, "submitted", 0, 1, "<p>Mijn plan van aanpak.</p>"
        )
        self._told.record("submitted")
        self._tables.add("course_modules_completion", course.assignment_module, user, 1, "", at)
        self._told.record("completed")
        graded = at + self.draw.randrange(HOUR // 1000, 4 * DAY // 1000)
        if graded < self._end and course.trainers:
            grade, trainer = f"{self.draw.randrange(4, 11)}.00000", moodle_id(course.trainers[0])
            self._tables.add("assign_grades", course.assignment, user, graded, graded, trainer, grade, 0)
            self._told.record("scored")
            self._tables.add(
                "grade_grades", course.assignment_item, user, grade, "10.00000", grade, graded, graded, trainer
            )
            self._told.record("ignored")
            self._tables.add(
                "grade_grades",
                course.total_item,
                user,
                "",
                "100.00000",
                f"{self.draw.randrange(40, 100)}.00000",
                "",
                graded,
                "",
            )
            self._told.record("ignored")

    def _discusses(self, course: _Course, learners: list[int]) -> None:
        """A discussion: a question with answers and thanks, or a report with replies."""
        draw = self.draw
        opener, at = draw.choice(learners), self._organisation.rhythm.moment(draw) // 1000
        asks = draw.random() < 0.6
        title = f"Over {draw.choice(texts.THINGS)}"
        said = [(opener, at, texts.question(draw) if asks else texts.post(draw), "asked" if asks else "posted", 0)]
        for _ in range(draw.choice((0, 1, 1, 2, 3, 4))):
            at += draw.randrange(10 * MINUTE // 1000, 9 * HOUR // 1000)
            writer = draw.choice((*course.trainers, *draw.sample(learners, min(3, len(learners)))))
            text, becomes = texts.answer(draw), "answered" if asks and writer != opener else "replied"
            said.append((writer, at, text, becomes, draw.randrange(len(said))))
        if asks and len(said) > 1 and draw.random() < 0.4:
            said.append((opener, at + 5 * MINUTE // 1000, texts.thanks(draw), "replied", len(said) - 1))
        said = [each for each in said if each[1] < self._end]
        self._place(course, title, said)

    def _place(self, course: _Course, title: str, said: list[tuple[int, int, str, str, int]]) -> None:
        """Writes a discussion; each post says which one before it answers."""
        discussion = self._tables.add("forum_discussions", course.id, course.forum, title, self._tables.count("forum_posts") + 1, moodle_id(said[0][0]), said[-1][1], moodle_id(said[-1][0]))  # fmt: skip
        numbers: list[int] = []
        for who, at, text, becomes, to in said:
            subject, parent = (f"Re: {title}", numbers[to]) if numbers else (title, 0)
            numbers.append(
                self._tables.add("forum_posts", discussion, parent, moodle_id(who), at, at, subject, f"<p>{text}</p>", 0, len(text.split()))
            )  # fmt: skip
            self._told.record(becomes)
            self._saw(who, at)

    def _saw(self, who: int, at: int) -> None:
        self._seen[who] = max(self._seen.get(who, 0), at)

    # --- answers that never change ------------------------------------------------------------------------------------------------

    def write_answers(self, folder: Path) -> None:
        """What the services say of the site, its courses and its people."""
        version = "2024100706"
        names = ("core_webservice_get_site_info",)
        info = {
            "sitename": f"{self._organisation.name} Academie", "username": "lrs.connector", "firstname": "LRS", "lastname": "Connector", "fullname": "LRS Connector",
            "lang": "nl", "userid": _CONNECTOR, "siteurl": _SITE, "functions": [{"name": name, "version": version} for name in names], "release": "4.5.6 (Build: 20250811)",
        }  # fmt: skip
        server = {
            "token": _TOKEN, "powerless_token": f"{_TOKEN}-without-rights", "powerless_user": _POWERLESS, "info": info,
            "outside_the_service": ["core_user_create_users"],
        }  # fmt: skip
        for name, answer in {"server": server, **self._answers}.items():
            (folder / f"{name}.json").write_bytes(orjson.dumps(answer))
        with (folder / "users.json").open("wb") as file:
            file.write(b'{"deleted":[],"users":[')
            for number, (user, username, fullname, email, hr, seen) in enumerate(self._users()):
                first, _, last = fullname.partition(" ")
                shown = {
                    "id": user, "username": username, "firstname": first, "lastname": last, "fullname": fullname, "email": email, "department": "",
                    "firstaccess": min(seen, self._start - 100 * 86_400) if seen else 0, "lastaccess": seen, "auth": "manual", "suspended": False, "confirmed": True,
                    **({"idnumber": hr} if hr else {}),
                }  # fmt: skip
                file.write(b",\n" * (number > 0) + orjson.dumps(shown))
                self._tables.add_plain(
                    "user", user, username, hr, first, last, email, "", "", 0, 0, self._start - 100 * 86_400, seen
                )
            file.write(b"]}\n")

    def _users(self) -> Any:
        """(number, user name, full name, address, HR id, last visit) of the site's own users and of all employees."""
        yield _CONNECTOR, "lrs.connector", "LRS Connector", f"lrs@{self._organisation.domain}", "", 0
        yield _POWERLESS, "powerless", "Powerless User", f"powerless@{self._organisation.domain}", "", 0
        for number in range(self._organisation.plan.employees):
            known = self._organisation
            yield (
                moodle_id(number), known.username(number), known.full_name(number), known.email(number), known.employee_id(number), self._seen.get(number, 0),
            )  # fmt: skip


def _course_answer(number: int, name: str, form: str, begin: int, code: str = "SITE") -> Row:
    return {
        "id": number, "fullname": name, "displayname": name, "shortname": f"{code}-{number}" if code != "SITE" else code, "idnumber": f"LRN-{number}", "categoryid": 1,
        "format": form, "startdate": begin, "enddate": 0, "visible": 1, "enablecompletion": int(form != "site"), "enrollmentmethods": [], "summary": "", "lang": "",
    }  # fmt: skip


def _module_answer(number: int, sort: str, title: str, instance: int, completion: int, rules: tuple[str, ...]) -> Row:
    details = [{"rulename": rule, "rulevalue": {"status": 0, "description": rule}} for rule in rules]
    return {
        "id": number, "url": f"{_SITE}/mod/{sort}/view.php?id={number}", "name": title, "instance": instance, "visible": 1, "uservisible": True, "modname": sort,
        "modplural": sort, "completion": completion, "completiondata": {"state": 0, "timecompleted": 0, "isautomatic": completion == 2, "details": details},
    }  # fmt: skip


def _criterion(module: int) -> Row:
    return {
        "type": 4, "title": "Activity completion", "status": "No", "complete": False, "timecompleted": None,
        "details": {"type": "Activity completion", "criteria": f'<a href="{_SITE}/mod/page/view.php?id={module}">Onderdeel</a>', "requirement": "", "status": ""},
    }  # fmt: skip
