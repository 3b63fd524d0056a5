"""Where in a site an event took place: the thing itself and what it lies in, from near to far, as activities.

A place is a function of (source, record) that gives such a path. Most are an address with numbers of the record in it.
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from connectors.source import Record
from connectors.sources.moodle.facts import Facts
from connectors.sources.moodle.values import digits
from leerstroom.errors import BadRecord
from leerstroom.statements import activity, types

Path = list[dict[str, Any]]
Place = Callable[[Facts, Record], Path]


def course(source: Facts, record: Record) -> Path:
    """The course; nothing for what belongs to the site as a whole."""
    return [source.course(record)] if record["course"].get("id") else []


def module(source: Facts, record: Record) -> Path:
    """The module, its section, its course."""
    return [source.module(record["module"]), *(source.around(record) or course(source, record))]


def nowhere(source: Facts, record: Record) -> Path:
    """Nothing: what lies in no course, wherever somebody was at the time."""
    return []


def site(source: Facts, record: Record) -> Path:
    """The site itself."""
    return [activity(source.tenant, types.LMS)]


def part(address: str, type_iri: str, within: Place = module) -> Place:
    """A thing at an address below the site, such as `/mod/book/view.php?id={cmid}&chapterid={id}`, inside another place."""

    def place(source: Facts, record: Record) -> Path:
        found = source.tenant + address.format_map(_Names(record))
        return [activity(found, type_iri), *within(source, record)]

    return place


class _Names(dict[str, str]):
    """What may stand in an address: numbers and words of a record, nothing else."""

    def __init__(self, record: Record) -> None:
        super().__init__()
        self._record = record

    def __missing__(self, name: str) -> str:
        record = self._record
        value = {
            "course": lambda: record["course"].get("id"),
            "cmid": lambda: record["module"].get("cmid"),
            "instance": lambda: record["module"].get("instance"),
            "sort": lambda: record["module"].get("modname"),
        }.get(name, lambda: record["thing"].get(name))()
        text = str(value if value is not None else "")
        if not (text.isascii() and text.replace("_", "").isalnum()):
            raise BadRecord(f"the row does not say which {name} it is about")
        return text


def chapter(source: Facts, record: Record) -> Path:
    """A chapter; a subchapter lies in its chapter."""
    [own, *around] = _CHAPTER(source, record)
    above = record["thing"].get("above")
    return [own, *(_chapter(source, record, above) if above else ()), *around]


def _chapter(source: Facts, record: Record, number: Any) -> Path:
    cmid = digits(record["module"]["cmid"])
    return [activity(f"{source.tenant}/mod/book/view.php?id={cmid}&chapterid={digits(number)}", types.CHAPTER)]


def category(source: Facts, record: Record) -> Path:
    """A category of courses, in the one above it."""
    numbers = [record["thing"].get("id"), record["thing"].get("above")]
    return [
        activity(f"{source.tenant}/course/management.php?categoryid={digits(each)}", types.COURSE_CATEGORY)
        for each in numbers[: 2 if numbers[1] else 1]
    ]


def post(source: Facts, record: Record) -> Path:
    """A post of a forum, opening or reply."""
    return [
        activity(source.post_iri(record["thing"], record["thing"]["id"]), types.FORUM_REPLY),
        *module(source, record),
    ]


def page(source: Facts, record: Record) -> Path:
    """The page of a course or module on which something was shown."""
    shown = str(record["thing"]["page"])
    path = urlsplit(source.tenant).path
    return [activity(source.tenant + shown.removeprefix(path) if path else source.tenant + shown)]


_CHAPTER = part("/mod/book/view.php?id={cmid}&chapterid={id}", types.CHAPTER)
ATTEMPT = part("/mod/quiz/attempt.php?attempt={id}&cmid={cmid}", types.ATTEMPT)
BADGE = part("/badges/overview.php?id={id}", types.BADGE, course)
BADGES = part("/badges/index.php?id={course}", types.WEBPAGE, course)
BLOG_ENTRY = part("/blog/index.php?entryid={id}", types.DISCUSSION, course)
CALENDAR_EVENT = part("/calendar/view.php?id={id}", types.CALENDAR_EVENT, course)
CALENDAR_SUBSCRIPTION = part("/calendar/subscription?id={id}", types.CALENDAR_SUBSCRIPTION, course)
CERTIFICATE = part("/admin/tool/certificate/index.php?code={code}", types.CERTIFICATION, nowhere)
COURSE_ABOUT = part("/course/info.php?id={course}", types.WEBPAGE, course)
COURSE_RESOURCES = part("/course/resources.php?id={course}", types.WEBPAGE, course)
CUSTOM_CERTIFICATE = part("/mod/{sort}/view.php?id={cmid}", types.CERTIFICATION, course)
DATABASE_ENTRY = part("/mod/data/view.php?rid={id}", types.RESOURCE)
DISCUSSION = part("/mod/forum/discuss.php?d={discussion}", types.DISCUSSION)
GLOSSARY_ENTRY = part("/mod/glossary/showentry.php?eid={id}", types.GLOSSARY_ENTRY)
LESSON_PAGE = part("/mod/lesson/view.php?id={cmid}&pageid={id}", types.PAGE)
LESSON_QUESTION = part("/mod/lesson/view.php?id={cmid}&pageid={id}", types.CMI_INTERACTION)
LESSON_SESSION = part("/mod/lesson/view.php?id={cmid}#lesson", types.LESSON_SESSION)
MODULES_OF_COURSE = part("/mod/{sort}/index.php?id={course}", types.WEBPAGE, course)
PARTICIPANTS = part("/user/index.php?id={course}", types.WEBPAGE, course)
QUESTION = part("/question?id={id}", types.CMI_INTERACTION, course)
QUESTIONNAIRE_REPORT = part("/mod/questionnaire/report.php?instance={instance}&group=0", types.REPORT)
SCO = part("/mod/scorm/view.php?id={cmid}#sco", types.SCORM_CONTENT_OBJECT)
SEMINAR_SESSION = part("/mod/facetoface/signup.php?s={session}", types.CLASSROOM)
SUBMISSION = part("/mod/assign/view.php?id={cmid}#submission", types.SCHOOL_ASSIGNMENT)
SURVEY_REPORT = part("/mod/survey/report.php?id={cmid}&action={action}", types.REPORT)
WIKI_PAGE = part("/mod/wiki/view.php?pageid={page}", types.WIKI_PAGE)
WIKI_COMMENTS = part("/mod/wiki/comments.php?pageid={page}", types.DISCUSSION, WIKI_PAGE)
WIKI_COMMENT = part("/mod/wiki/instancecomments.php?commentid={id}&pageid={page}", types.COMMENT, WIKI_COMMENTS)
