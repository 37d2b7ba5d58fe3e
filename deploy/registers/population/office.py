"""What happens in the office: papers, photos, notices, the journal, batches. An action is the body of a transaction."""

from datetime import timedelta
from random import Random

from psycopg.types.json import Jsonb

from deploy.registers import names
from deploy.registers.codes import SERIALS, personal_code
from deploy.registers.draws import REFERENCE_DAY, Database, any_code, recent_day, run
from deploy.registers.population.draws import issue, some_person


def show_photo(db: Database, rng: Random) -> int:
    """A small column changes beside a large one that stays."""
    return run(
        db,
        """UPDATE population.photo SET times_shown = times_shown + 1
           WHERE person_code = (
               SELECT person_code FROM population.photo WHERE person_code >= %s ORDER BY person_code LIMIT 1)""",
        (any_code(rng),),
    )


def take_photo(db: Database, rng: Random) -> int:
    """A person's first photo, or another one."""
    return run(
        db,
        """INSERT INTO population.photo (person_code, image, taken_on)
           SELECT p, %s, %s FROM (VALUES (%s::text)) one (p) WHERE p IS NOT NULL
           ON CONFLICT (person_code) DO UPDATE SET image = excluded.image, taken_on = excluded.taken_on""",
        (rng.randbytes(rng.randrange(2_500, 30_000)), recent_day(rng), some_person(db, rng, lock=True)),
    )


def issue_document(db: Database, rng: Random) -> int:
    """A person gets a paper."""
    person = some_person(db, rng, lock=True)
    return 0 if person is None else issue(db, rng, person, "passport")


def expire_documents(db: Database, rng: Random) -> int:
    """A handful of papers expire in one statement."""
    return run(
        db,
        """UPDATE population.document SET status = 'expired' WHERE id IN (
               SELECT id FROM population.document
               WHERE person_code >= %s AND status = 'valid' ORDER BY person_code LIMIT 5)""",
        (any_code(rng),),
    )


def batch_import(db: Database, rng: Random) -> int:
    """A batch of people comes in by COPY, is taken over, and the staging table is truncated."""
    batch = []
    for line in range(rng.randrange(10, 120)):
        day, sex = REFERENCE_DAY - timedelta(days=rng.randrange(25_000)), rng.choice(("female", "male"))
        batch.append(
            (
                line,
                personal_code(day, sex, rng.randrange(SERIALS)),
                rng.choice(names.FEMALE),
                rng.choice(names.FAMILY),
                day,
                sex,
            )
        )
    db.execute("LOCK TABLE population.import_staging IN ACCESS EXCLUSIVE MODE")
    with db.cursor().copy(
        'COPY population.import_staging ("Zeile #", personal_code, given_name, family_name, birth_date, sex) FROM STDIN'
    ) as copy:
        for row in batch:
            copy.write_row(row)
    taken = run(
        db,
        """WITH taken AS (
               INSERT INTO population.person (personal_code, given_name, family_name, birth_date, sex)
               SELECT personal_code, given_name, family_name, birth_date, sex::population.sex
               FROM population.import_staging
               ON CONFLICT DO NOTHING RETURNING personal_code, birth_date)
           INSERT INTO population.residence (person_code, address_id, during)
           SELECT personal_code, %s, daterange(birth_date, NULL) FROM taken""",
        (rng.randrange(1, 100),),
    )
    db.execute("TRUNCATE population.import_staging")
    return len(batch) + 2 * taken + 1


def note(db: Database, rng: Random) -> int:
    """Lines in the journal, some of them equal in every column."""
    line = (
        rng.choice(("registrar", None, "")),
        rng.choice(("read", "print")),
        any_code(rng),
        Jsonb({"via": "desk", "n": [1, 2.50, None]}),
    )
    lines = (*line, *line, *line)
    return run(
        db,
        """INSERT INTO population."Journal ✎" (at, actor, "Tätigkeit", person_code, detail)
           VALUES (now(), %s, %s, %s, %s), (now(), %s, %s, %s, %s), (now(), %s, %s, %s, %s)""",
        lines,
    )


def redact_note(db: Database, rng: Random) -> int:
    """One line of the journal, which has no key, is redacted; its twins stay."""
    return _one_note(db, rng, """UPDATE population."Journal ✎" SET actor = 'redacted', detail = NULL""")


def drop_note(db: Database, rng: Random) -> int:
    """One line of the journal is deleted; its twins stay."""
    return _one_note(db, rng, """DELETE FROM population."Journal ✎\"""")


def send_notice(db: Database, rng: Random) -> int:
    """A notice goes out; the day decides the partition."""
    return run(
        db,
        """INSERT INTO population.notice (id, sent_on, person_code, subject)
           VALUES (nextval('population.notice_number'), %s, %s, %s)""",
        (
            REFERENCE_DAY - timedelta(days=rng.randrange(-60, 900)),
            any_code(rng),
            rng.choice(("Your vote", "Votre voix", "投票", "")),
        ),
    )


def redate_notice(db: Database, rng: Random) -> int:
    """A notice gets another day and may move to another partition."""
    return run(
        db,
        """UPDATE population.notice SET sent_on = %s
           WHERE id = (SELECT id FROM population.notice WHERE id >= %s ORDER BY id LIMIT 1)""",
        (REFERENCE_DAY - timedelta(days=rng.randrange(-60, 900)), rng.randrange(1, 400)),
    )


def _one_note(db: Database, rng: Random, statement: str) -> int:
    at = f"2025-{rng.randrange(1, 13):02d}-{rng.randrange(1, 29):02d} {rng.randrange(24):02d}:00:00+00"
    return run(
        db,
        statement + """ WHERE ctid = (SELECT ctid FROM population."Journal ✎" WHERE at >= %s ORDER BY at LIMIT 1)""",
        (at,),
    )
