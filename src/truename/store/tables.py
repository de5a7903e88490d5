"""The tables. Migrations make them; a test holds the two against each other.

Times are epoch seconds, since they are compared in SQL on both dialects. Hashes are canonical info-hashes. A word that
an enum defines is stored as its value.

Invariants, which the queries keep:
* at most one look-up is `active` for each hash, and at most one task for each person and hash;
* a completed task has its name, and a final one never changes;
* notes change only together with a new row in `note_revision`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    literal_column,
    text,
)

from truename.model import LookupStatus

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite numbers rows by itself only in a column that is called INTEGER.
Large = BigInteger().with_variant(Integer, "sqlite")

# Written out in statements, and not as parameters: an index of some rows only is used for what stands in the statement.
ONE: ColumnElement[int] = literal_column("1", Integer)
_STATES = (LookupStatus.PENDING, LookupStatus.RUNNING, LookupStatus.WAITING)
PENDING, RUNNING, WAITING = (literal_column(f"'{state.value}'", String) for state in _STATES)
_IS_PENDING, _IS_RUNNING, _IS_WAITING = (text(f"status = '{state.value}'") for state in _STATES)

person = Table(
    "person",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("username", String(100), nullable=False),
    Column("username_folded", String(200), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("auto_calibrate", Boolean, nullable=False, server_default=false()),
    Column("rewrite", String(10), nullable=False, server_default="auto"),
    Column("language", String(10)),
    Column("created_at", Float, nullable=False),
)

# Of a session and a token only a digest is kept: who reads the file cannot sign in with it.
session = Table(
    "session",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("seen_at", Float, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
)

note = Table(
    "note",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Index("ix_note_person_id_id", "person_id", "id"),
    sqlite_autoincrement=True,  # else a page of a note that is gone would speak of the next new one
)

# Append-only. `cause`: saved, edited, renamed, undone. The newest revision is what `note` says now. `changes`: what was
# replaced in the version before (JSON, see `revisions.py`), and then `text` is empty; None: `text` is all of it.
note_revision = Table(
    "note_revision",
    metadata,
    Column("note_id", ForeignKey("note.id", ondelete="CASCADE"), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("cause", String(10), nullable=False),
    Column("at", Float, nullable=False),
    Column("changes", Text),
)

# Which hashes stand in which note. `typed` and `undone`: the names of its magnets that are the person's, as `OwnNames`
# has them, in JSON and None when there are none; `own`: all its magnets here bear such names.
note_magnet = Table(
    "note_magnet",
    metadata,
    Column("note_id", ForeignKey("note.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", String(64), primary_key=True, index=True),
    Column("own", Boolean, nullable=False, server_default=false()),
    Column("typed", Text),
    Column("undone", Text),
)

# Names that are known and still to be written into a note, long ones after each other: see `renames`. `claimed`: only
# in the place of this name, which was a mere claim.
owed_name = Table(
    "owed_name",
    metadata,
    Column("note_id", ForeignKey("note.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", String(64), primary_key=True),
    Column("claimed", Text),
)

# `active` is 1, or NULL when ended: in a unique index a constant costs less than the status (docs/adr/0004).
# `status` is a `LookupStatus`; `due_at` is there while it is waiting.
lookup = Table(
    "lookup",
    metadata,
    Column("id", Large, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("hash_v2", String(64)),
    Column("status", String(10), nullable=False),
    Column("active", Integer),
    Column("rank_high", BigInteger),
    Column("rank_normal", BigInteger),
    Column("rank_low", BigInteger),
    Column("delivery", String(36)),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("sources", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("due_at", Float),
    Index(
        "ix_lookup_due_at",
        "due_at",
        sqlite_where=_IS_WAITING,
        postgresql_where=_IS_WAITING,
    ),
    Index(
        "uq_lookup_active", "hash", unique=True, sqlite_where=text("active = 1"), postgresql_where=text("active = 1")
    ),
    *(
        Index(
            f"ix_lookup_{rank}",
            rank,
            "id",
            sqlite_where=text(f"status = 'pending' AND {rank} IS NOT NULL"),
            postgresql_where=text(f"status = 'pending' AND {rank} IS NOT NULL"),
        )
        for rank in ("rank_high", "rank_normal", "rank_low")
    ),
    Index(
        "ix_lookup_running",
        "status",
        sqlite_where=_IS_RUNNING,
        postgresql_where=_IS_RUNNING,
    ),
    sqlite_autoincrement=True,
)

# For each priority the rank last taken: nobody who comes later is ranked before it.
virtual = Table(
    "virtual",
    metadata,
    Column("prio", Integer, primary_key=True),
    Column("v", BigInteger, nullable=False),
)

RANKS = (lookup.c.rank_high, lookup.c.rank_normal, lookup.c.rank_low)
"""The places of look-ups, by priority."""

# `strand`: while it runs, in which strand of the delivery of its look-up (`queue/base.py`);
# `sources`: the trackers and peers its own magnet named, as `sources.py` writes them;
# `detail`: what the resolvers did for it, as `timeline.py` packs it.
task = Table(
    "task",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("hash_v2", String(64)),
    Column("status", String(10), nullable=False),
    Column("active", Integer),
    Column("prio", Integer, nullable=False),
    Column("rank", BigInteger, nullable=False, server_default=text("0")),
    Column("lookup_id", BigInteger, index=True),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("strand", Integer, nullable=False, server_default=text("0")),
    Column("next_attempt_at", Float),
    Column("watched", Boolean, nullable=False, server_default=false()),
    Column("name", Text),
    Column("source", String(20)),
    Column("verified", Boolean),
    Column("code", String(30)),
    Column("reason", String(30)),
    Column("created_at", Float, nullable=False),
    Column("started_at", Float),
    Column("completed_at", Float),
    Column("sources", Text, nullable=False, server_default=text("'[[], []]'")),
    Column("detail", Text),
    Index(
        "ix_task_completed_at",
        "completed_at",
        sqlite_where=text("completed_at IS NOT NULL"),
        postgresql_where=text("completed_at IS NOT NULL"),
    ),
    Index(
        "uq_task_active",
        "hash",
        "person_id",
        unique=True,
        sqlite_where=text("active = 1"),
        postgresql_where=text("active = 1"),
    ),
    Index(
        "ix_task_waiting",
        "prio",
        "rank",
        "created_at",
        sqlite_where=_IS_PENDING,
        postgresql_where=_IS_PENDING,
    ),
    Index(
        "ix_task_lane",
        "person_id",
        "prio",
        "rank",
        sqlite_where=text("active = 1"),
        postgresql_where=text("active = 1"),
    ),
    Index("ix_task_person_id_created_at", "person_id", "created_at"),
    Index("ix_task_hash_person_id", "hash", "person_id"),
)

# Requests that were made together. `active`: how many of its tasks have not ended; `ended_at`: when the last one did.
# `tell_at`: when the webhook is to be told next, NULL when there is nothing to tell; `told`: how often that was tried.
batch = Table(
    "batch",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", Float, nullable=False),
    Column("total", Integer, nullable=False),
    Column("active", Integer, nullable=False),
    Column("ended_at", Float, index=True),
    Column("tell_at", Float, index=True),
    Column("told", Integer, nullable=False, server_default=text("0")),
)

# `created`: the batch made this task; otherwise the person had it already.
batch_task = Table(
    "batch_task",
    metadata,
    Column("batch_id", ForeignKey("batch.id", ondelete="CASCADE"), primary_key=True),
    Column("task_id", ForeignKey("task.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("place", Integer, nullable=False),
    Column("created", Boolean, nullable=False),
    sqlite_with_rowid=False,  # its two keys are all there is to it: one tree less, and both ways covered
)

# Hashes in notes that did not answer: when to ask again (NULL: the person said stop), and how it went the last time.
watch = Table(
    "watch",
    metadata,
    Column("person_id", ForeignKey("person.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", String(64), primary_key=True, index=True),
    Column("since", Float, nullable=False),
    Column("asked", Integer, nullable=False),
    Column("asked_at", Float, nullable=False),
    Column("code", String(30), nullable=False),
    Column("next_at", Float, index=True),
)

# The catalogue: found once, kept for ever, shared by everybody. `hash` is the one by which it was found; `raw_name` are
# the bytes the torrent has; `files` the first of its files, as JSON.
torrent = Table(
    "torrent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("hash", String(64), unique=True),
    Column("name", Text, nullable=False),
    Column("raw_name", LargeBinary),
    Column("name_guessed", Boolean, nullable=False),
    Column("source", String(20), nullable=False),
    Column("verified", Boolean, nullable=False),
    Column("size_bytes", BigInteger),
    Column("file_count", Integer),
    Column("found_at", Float, nullable=False),
    Column("peers_seen", Integer),
    Column("files", Text),
)
torrent_hash = Table(
    "torrent_hash",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("torrent_id", ForeignKey("torrent.id", ondelete="CASCADE"), nullable=False, index=True),
)

# When each resolver last found a name, whatever has become of that name since.
last_success = Table(
    "last_success",
    metadata,
    Column("source", String(20), primary_key=True),
    Column("at", Float, nullable=False),
)

# Why a hash had no name when it was last asked for, and when that was; kept for ever.
last_failure = Table(
    "last_failure",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("code", String(30), nullable=False),
    Column("at", Float, nullable=False),
)

# What changed for whom, in the order of `seq`.
event = Table(
    "event",
    metadata,
    Column("seq", Large, primary_key=True),
    Column("person_id", Integer, nullable=False),
    Column("kind", String(10), nullable=False),
    Column("task_id", String(36)),
    Column("note_id", Integer),
    Column("at", Float, nullable=False),
    Index("ix_event_person_id_seq", "person_id", "seq"),
    sqlite_autoincrement=True,
)

# Settings that an administrator changed while the program runs.
chosen_setting = Table(
    "chosen_setting",
    metadata,
    Column("name", String(50), primary_key=True),
    Column("value", Text, nullable=False),
)
