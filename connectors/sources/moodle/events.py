"""What the events of Moodle's log say: which verb about which place, whose act it was, and which events say nothing of learning.

The table is read top down by people: `component/event` as Moodle names it → what is stated. Events that the web services tell as well are
not in it: `rows` makes them the same facts. An event of no row here is ignored, and the ledger counts it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from connectors.sources.moodle import places
from connectors.sources.moodle.places import Place
from leerstroom.statements import Verb, verbs


@dataclass(frozen=True, slots=True)
class Says:
    """What is stated of an event.

    `of` names who did it: the user of the row, or the one to whom it happened. `runs` marks acts of whoever runs a platform or course: no
    learning of theirs. `fact` names what a later event may take back (`comment {id}`), `voids` what this one takes back; without a verb
    that is all it does. `kind` is a source kind other than that of an LMS.
    """

    verb: Verb | None
    place: Place
    of: str = "user"
    runs: bool = False
    fact: str = ""
    voids: tuple[str, ...] = ()
    kind: str | None = None


def _runs(verb: Verb, place: Place) -> Says:
    return Says(verb, place, runs=True)


def _kept_up(name: str, place: Place, changes: tuple[str, ...] = ("created", "updated", "deleted")) -> dict[str, Says]:
    words = {"created": verbs.CREATED, "updated": verbs.EDITED, "deleted": verbs.DELETED}
    return {f"{name}_{change}": _runs(words[change], place) for change in changes}


EVENTS: Mapping[str, Says] = {
    # --- the site
    "core/user_loggedin": Says(verbs.LOGGED_IN, places.site),
    "core/user_loggedout": Says(verbs.LOGGED_OUT, places.site),
    "core/badge_awarded": Says(verbs.EARNED, places.BADGE, of="related", fact="badge {id} {person}"),
    "core/badge_revoked": Says(None, places.BADGE, of="related", voids=("badge {id} {person}",)),
    "core/badge_viewed": Says(verbs.VIEWED, places.BADGE),
    "core/badge_listing_viewed": Says(verbs.VIEWED, places.BADGES),
    "core/blog_entry_created": Says(verbs.POSTED, places.BLOG_ENTRY, fact="blog {id}"),
    "core/blog_entry_deleted": Says(verbs.DELETED, places.BLOG_ENTRY, voids=("blog {id}",)),
    "tool_certificate/certificate_issued": Says(verbs.EARNED, places.CERTIFICATE, of="related"),
    "tool_certificate/certificate_verified": _runs(verbs.VERIFIED, places.CERTIFICATE),
    "mod_customcert/issue_created": Says(verbs.EARNED, places.CUSTOM_CERTIFICATE, of="related"),
    "tool_usertours/tour_ended": Says(verbs.TOURED, places.page),
    # --- courses
    "core/course_viewed": Says(verbs.VIEWED, places.course),
    "core/course_information_viewed": Says(verbs.VIEWED, places.COURSE_ABOUT),
    "core/course_resources_list_viewed": Says(verbs.VIEWED, places.COURSE_RESOURCES),
    "core/course_category_viewed": Says(verbs.VIEWED, places.category),
    "core/user_list_viewed": Says(verbs.VIEWED, places.PARTICIPANTS),
    "core/user_enrolment_deleted": Says(verbs.UNREGISTERED, places.course, of="related"),
    # --- texts to read
    "mod_book/chapter_viewed": Says(verbs.VIEWED, places.chapter),
    "mod_glossary/entry_viewed": Says(verbs.VIEWED, places.GLOSSARY_ENTRY),
    "mod_wiki/page_viewed": Says(verbs.VIEWED, places.WIKI_PAGE),
    "mod_wiki/page_history_viewed": Says(verbs.VIEWED, places.WIKI_PAGE),
    "mod_wiki/page_version_viewed": Says(verbs.VIEWED, places.WIKI_PAGE),
    "mod_wiki/page_diff_viewed": Says(verbs.VIEWED, places.WIKI_PAGE),
    "mod_wiki/comments_viewed": Says(verbs.VIEWED, places.WIKI_COMMENTS),
    "mod_forum/discussion_viewed": Says(verbs.VIEWED, places.DISCUSSION),
    # --- exercises and tests
    "mod_quiz/attempt_started": Says(verbs.INITIALIZED, places.ATTEMPT, of="related"),
    "mod_quiz/attempt_viewed": Says(verbs.VIEWED, places.ATTEMPT),
    "mod_quiz/attempt_summary_viewed": Says(verbs.VIEWED, places.ATTEMPT),
    "mod_quiz/attempt_reviewed": Says(verbs.VIEWED, places.ATTEMPT),
    "mod_lesson/lesson_started": Says(verbs.INITIALIZED, places.LESSON_SESSION),
    "mod_lesson/lesson_restarted": Says(verbs.INITIALIZED, places.LESSON_SESSION),
    "mod_lesson/lesson_resumed": Says(verbs.RESUMED, places.LESSON_SESSION),
    "mod_lesson/lesson_ended": Says(verbs.COMPLETED, places.LESSON_SESSION),
    "mod_lesson/content_page_viewed": Says(verbs.VIEWED, places.LESSON_PAGE),
    "mod_lesson/question_viewed": Says(verbs.VIEWED, places.LESSON_PAGE),
    "mod_lesson/question_answered": Says(verbs.ANSWERED, places.LESSON_QUESTION),
    "mod_lesson/essay_assessed": Says(verbs.SCORED, places.LESSON_QUESTION, of="related"),
    "mod_scorm/sco_launched": Says(verbs.LAUNCHED, places.SCO),
    "mod_scorm/scoreraw_submitted": Says(verbs.SCORED, places.module),
    "mod_scorm/status_submitted/passed": Says(verbs.PASSED, places.module),
    "mod_scorm/status_submitted/failed": Says(verbs.FAILED, places.module),
    "mod_scorm/status_submitted/completed": Says(verbs.COMPLETED, places.module),
    "mod_assign/feedback_viewed": Says(verbs.VIEWED, places.module),
    "mod_workshop/submission_created": Says(verbs.SUBMITTED, places.module),
    "mod_workshop/submission_assessed": Says(verbs.EVALUATED, places.module),
    # --- opinions: that somebody gave one, never which
    "mod_choice/answer_created": Says(verbs.ANSWERED, places.module),
    "mod_choice/answer_submitted": Says(verbs.ANSWERED, places.module),
    "mod_feedback/response_submitted": Says(verbs.SUBMITTED, places.module),
    "mod_survey/response_submitted": Says(verbs.SUBMITTED, places.module),
    "mod_questionnaire/attempt_submitted": Says(verbs.SUBMITTED, places.module),
    "mod_questionnaire/attempt_saved": Says(verbs.SUSPENDED, places.module),
    "mod_questionnaire/attempt_resumed": Says(verbs.RESUMED, places.module),
    # --- with each other
    "mod_forum/subscription_created": Says(verbs.FOLLOWED, places.module),
    "mod_forum/subscription_deleted": Says(verbs.UNFOLLOWED, places.module),
    "mod_forum/course_searched": Says(verbs.SEARCHED, places.course),
    "mod_forum/post_deleted": Says(
        verbs.DELETED, places.post, voids=tuple(f"{{id}}/{verb}" for verb in ("asked", "posted", "answered", "replied"))
    ),
    "mod_wiki/page_created": Says(verbs.CREATED, places.WIKI_PAGE, fact="wiki page {page}"),
    "mod_wiki/page_updated": Says(verbs.EDITED, places.WIKI_PAGE),
    "mod_wiki/page_deleted": Says(verbs.DELETED, places.WIKI_PAGE, voids=("wiki page {page}",)),
    "mod_wiki/comment_created": Says(verbs.COMMENTED, places.WIKI_COMMENTS, fact="comment {id}"),
    "mod_wiki/comment_deleted": Says(verbs.DELETED, places.WIKI_COMMENT, voids=("comment {id}",)),
    "mod_glossary/entry_created": Says(verbs.CREATED, places.GLOSSARY_ENTRY, fact="glossary entry {id}"),
    "mod_glossary/entry_updated": Says(verbs.EDITED, places.GLOSSARY_ENTRY),
    "mod_glossary/entry_deleted": Says(verbs.DELETED, places.GLOSSARY_ENTRY, voids=("glossary entry {id}",)),
    "mod_data/record_created": Says(verbs.CREATED, places.DATABASE_ENTRY, fact="database entry {id}"),
    "mod_data/record_updated": Says(verbs.EDITED, places.DATABASE_ENTRY),
    "mod_data/record_deleted": Says(verbs.DELETED, places.DATABASE_ENTRY, voids=("database entry {id}",)),
    # --- live
    "mod_bigbluebuttonbn/meeting_joined": Says(verbs.JOINED, places.module, kind="webinar"),
    "mod_bigbluebuttonbn/meeting_left": Says(verbs.LEFT, places.module, kind="webinar"),
    "mod_bigbluebuttonbn/recording_viewed": Says(verbs.VIEWED, places.module),
    "mod_facetoface/signup_success": Says(verbs.REGISTERED, places.module),
    "mod_facetoface/cancel_booking": Says(verbs.UNREGISTERED, places.module),
    "mod_facetoface/take_attendance": Says(verbs.ATTENDED, places.SEMINAR_SESSION, kind="offline"),
    # --- whoever runs a platform or a course
    **_kept_up("core/calendar_event", places.CALENDAR_EVENT),
    **_kept_up("core/calendar_subscription", places.CALENDAR_SUBSCRIPTION),
    **_kept_up("core/course_category", places.category),
    **_kept_up("core/course", places.course),
    **_kept_up("core/course_module", places.module),
    **_kept_up("core/question", places.QUESTION),
    **_kept_up("core/badge", places.BADGE),
    **_kept_up("mod_book/chapter", places.chapter),
    **_kept_up("mod_lesson/page", places.LESSON_PAGE),
    "mod_assign/submission_locked": _runs(verbs.LOCKED, places.SUBMISSION),
    "mod_assign/submission_unlocked": _runs(verbs.UNLOCKED, places.SUBMISSION),
    "mod_bigbluebuttonbn/activity_management_viewed": _runs(verbs.VIEWED, places.module),
    "mod_bigbluebuttonbn/meeting_created": _runs(verbs.CREATED, places.module),
    "mod_bigbluebuttonbn/meeting_ended": _runs(verbs.TERMINATED, places.module),
    "mod_bigbluebuttonbn/recording_edited": _runs(verbs.EDITED, places.module),
    "mod_bigbluebuttonbn/recording_deleted": _runs(verbs.DELETED, places.module),
    "mod_bigbluebuttonbn/recording_imported": _runs(verbs.CREATED, places.module),
    "mod_bigbluebuttonbn/recording_published": _runs(verbs.PUBLISHED, places.module),
    "mod_bigbluebuttonbn/recording_unpublished": _runs(verbs.RETRACTED, places.module),
    "mod_bigbluebuttonbn/recording_protected": _runs(verbs.SECURED, places.module),
    "mod_bigbluebuttonbn/recording_unprotected": _runs(verbs.UNSECURED, places.module),
    "mod_questionnaire/all_responses_viewed": _runs(verbs.VIEWED, places.QUESTIONNAIRE_REPORT),
    "mod_questionnaire/responses_viewed": _runs(verbs.VIEWED, places.QUESTIONNAIRE_REPORT),
    "mod_survey/report_viewed": _runs(verbs.VIEWED, places.SURVEY_REPORT),
}

_OF_ANY_MODULE = {
    "course_module_viewed": Says(verbs.VIEWED, places.module),
    "course_module_instance_list_viewed": Says(verbs.VIEWED, places.MODULES_OF_COURSE),
    "comment_created": Says(verbs.COMMENTED, places.module, fact="comment {id}"),
    "comment_deleted": Says(verbs.DELETED, places.module, voids=("comment {id}",)),
}

ADMINISTRATION = "administration of the site"
DOUBLE = "one of several rows of one act, told by another"
PEOPLE = "looks at a person or writes about one"
PRIVATE = "private message"
SITE = "page of the site, not of a course"
CHANGED = "change that no learner made"

SILENT: Mapping[str, str] = {
    "core/webservice_function_called": "call of a web service",
    "core/dashboard_viewed": SITE,
    "core/mycourses_viewed": SITE,
    **dict.fromkeys(
        ("core/message_sent", "core/message_viewed", "core/message_deleted", "core/group_message_sent", "core/notification_sent", "core/notification_viewed"), PRIVATE
    ),
    **dict.fromkeys(
        (
            "core/user_profile_viewed", "core/course_user_report_viewed", "mod_forum/user_report_viewed", "core/notes_viewed", "core/note_created", "core/note_updated",
            "core/note_deleted", "core/blog_entries_viewed", "gradereport_user/grade_report_viewed", "report_outline/outline_report_viewed",
        ),
        PEOPLE,
    ),
    **dict.fromkeys(
        (
            "mod_forum/assessable_uploaded", "mod_forum/discussion_subscription_created", "mod_forum/discussion_subscription_deleted", "mod_assign/submission_status_viewed",
            "mod_assign/submission_created", "mod_assign/submission_updated", "assignsubmission_onlinetext/assessable_uploaded",
            "assignsubmission_onlinetext/submission_created", "assignsubmission_onlinetext/submission_updated", "assignsubmission_file/assessable_uploaded",
            "assignsubmission_file/submission_created", "assignsubmission_file/submission_updated", "core/blog_entry_updated", "mod_workshop/assessable_uploaded",
            "mod_h5pactivity/statement_received", "mod_forum/post_updated/discussion",
        ),
        DOUBLE,
    ),
    **dict.fromkeys(
        ("mod_quiz/attempt_becameoverdue", "core/user_enrolment_updated", "core/grade_deleted", "core/user_deleted", "core/user_login_failed"), CHANGED
    ),
}  # fmt: skip
_ADMINISTERED = (
    "capability_", "cohort_", "role_", "user_created", "user_updated", "user_password_", "enrol_instance_", "grade_item_", "grade_letter_", "course_section_", "course_bin_",
    "category_bin_", "slot_", "group_", "grouping_", "config_", "scale_", "tag_", "course_backup_", "course_restored", "course_reset_", "course_content_", "course_completion_",
    "question_category_", "context_", "insights_", "content_bank_", "search_", "sitewide_", "task_",
)  # fmt: skip


def says(name: str) -> Says | None:
    """What is stated of an event, None for nothing."""
    component, _, event = name.partition("/")
    return EVENTS.get(name) or (_OF_ANY_MODULE.get(event) if component.startswith("mod_") else None)


def silence(name: str) -> str:
    """Why nothing is stated of an event that `says` does not know."""
    if name in SILENT:
        return SILENT[name]
    event = name.partition("/")[2]
    return ADMINISTRATION if event.startswith(_ADMINISTERED) else "event of which nothing is stated"
