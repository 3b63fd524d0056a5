"""The tables of the store, once for both databases, and the steps from one schema version to the next.

statements   in the order in which they were stored: `seq` is the stored time in microseconds and rises strictly, so `since` and `until` are ranges of the primary
             key and new rows always go to its end; `digest` is of the statement as it was sent, `body` the JSON that every reader gets
terms        what statements are found by, as small numbers; `about` is the activity's definition or the person's names, merged from all statements
found_by     the index: `entry` = term * 8 + role, then `seq`; `via` is 0, or the statement through which a reference is found (StatementRef); `verb` spares a join
attachments  contents by SHA-2; `attached` says which statements need them
documents    state, agent profiles and activity profiles
credentials  keys with the salted hash of their secret and their scopes
audit        erasures and the like, without personal data
meta         schema version and `forgotten`, which rises when terms are deleted, so that writers drop what they remember
"""

from typing import Final

VERSION: Final = 1

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value {int} NOT NULL);
CREATE TABLE statements (seq {key}, id {bytes} NOT NULL, digest {int} NOT NULL, voided {small} NOT NULL DEFAULT 0, voiding {small} NOT NULL DEFAULT 0,
  verb {int} NOT NULL, target {bytes}, body {bytes} NOT NULL);
CREATE UNIQUE INDEX statements_by_id ON statements (id);
CREATE INDEX statements_by_target ON statements (target) WHERE target IS NOT NULL;
CREATE TABLE terms (term {key}, hash {int} NOT NULL, text {bytes} NOT NULL, about {bytes});
CREATE INDEX terms_by_hash ON terms (hash);
CREATE TABLE found_by (entry {int} NOT NULL, seq {int} NOT NULL, via {int} NOT NULL, verb {int} NOT NULL, PRIMARY KEY (entry, seq, via)) {clustered};
CREATE TABLE attachments (sha2 TEXT PRIMARY KEY, content_type TEXT NOT NULL, content {bytes} NOT NULL);
CREATE TABLE attached (seq {int} NOT NULL, sha2 TEXT NOT NULL, PRIMARY KEY (seq, sha2)) {clustered};
CREATE INDEX attached_by_sha2 ON attached (sha2);
CREATE TABLE documents (kind {small} NOT NULL, activity {bytes} NOT NULL, agent {bytes} NOT NULL, registration {bytes} NOT NULL, name {bytes} NOT NULL,
  updated {int} NOT NULL, etag TEXT NOT NULL, content_type TEXT NOT NULL, content {bytes} NOT NULL, PRIMARY KEY (kind, activity, agent, registration, name));
CREATE INDEX documents_by_agent ON documents (agent);
CREATE TABLE credentials (key TEXT PRIMARY KEY, name TEXT NOT NULL, scopes TEXT NOT NULL, salt {bytes} NOT NULL, secret {bytes} NOT NULL, created {int} NOT NULL);
CREATE TABLE audit (at {int} NOT NULL, what TEXT NOT NULL, detail TEXT NOT NULL);
INSERT INTO meta VALUES ('schema', 1), ('forgotten', 0)
"""

MIGRATIONS: Final[dict[int, str]] = {1: _TABLES}
"""Schema version -> the statements that lead to it from the one before."""

TABLES: Final = (
    "meta",
    "statements",
    "terms",
    "found_by",
    "attachments",
    "attached",
    "documents",
    "credentials",
    "audit",
)
