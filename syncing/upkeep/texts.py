"""What people search is kept in blocks of sixteen texts: which rows may have rare words is known without reading all.

PostgreSQL has no index of parts of words without an extension, and a table is read row by row at 0.3 µs each at best.
A block says where to look, never what is found: the rows of a block that has the words are searched as ever. So it may
be out of date in one way only, and triggers (the migration `searched_texts`) note each block to which that happens.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.db import connection as db
from django.db import transaction
from django.db.models import Model, Q
from django.db.models.expressions import RawSQL

from stores.locks import Lock, try_acquire_until_commit
from stores.models import ProductLink, Variant
from syncing.models import CatalogueRunItem, ProductTexts, RunItemTexts, VariantTexts
from syncing.models.searched import BLOCK_ROWS

# The rows of so many blocks are read one by one in less time than all texts. Words that more have are no rare ones.
MOST_BLOCK_COUNT = 4000
PORTION_COUNT, MOST_PORTIONS_COUNT = 20_000, 20  # notes that one transaction settles, and transactions of one sweep


@dataclass(frozen=True)
class Searched:
    """Where blocks are kept, and SQL: the text of a row, and how a word is written in it. No word spans two lines."""

    kept: type[Model]
    text: str
    word: str


# What Django's `icontains` compares is in upper case. An id must be equal as a whole, so that its end is as well.
_NAMED = "UPPER(CONCAT_WS(E'\\n', title, {}, SPLIT_PART(source_gid, '/', -1), SPLIT_PART(destination_gid, '/', -1)))"
SEARCHED: dict[type[Model], Searched] = {
    Variant: Searched(VariantTexts, "search_text", "%s"),
    ProductLink: Searched(ProductTexts, _NAMED.format("handle"), "UPPER(%s)"),
    CatalogueRunItem: Searched(RunItemTexts, _NAMED.format("reason"), "UPPER(%s)"),
}
BY_TABLE = {model._meta.db_table: searched for model, searched in SEARCHED.items()}

_FIND = """
    SELECT block FROM syncing_changedtexts WHERE "table" = %s
    UNION ALL
    SELECT block FROM {kept} WHERE {has_words}
    LIMIT %s
"""
_IDS = f"""
    SELECT block * {BLOCK_ROWS} + place FROM unnest(%s::bigint[]) AS found (block)
    CROSS JOIN generate_series(0, {BLOCK_ROWS - 1}) AS place
"""
_FORGET = """
    DELETE FROM syncing_changedtexts
    WHERE id = ANY (ARRAY (SELECT id FROM syncing_changedtexts ORDER BY id LIMIT %s))
    RETURNING "table", block
"""
_RENEW = f"""
    INSERT INTO {{kept}} (block, texts)
    SELECT changed.block, string_agg({{text}}, E'\\n')
    FROM unnest(%s::bigint[]) AS changed (block)
    JOIN {{table}} ON id BETWEEN changed.block * {BLOCK_ROWS} AND changed.block * {BLOCK_ROWS} + {BLOCK_ROWS - 1}
    GROUP BY changed.block
    ON CONFLICT (block) DO UPDATE SET texts = EXCLUDED.texts
    RETURNING block
"""


def where(model: type[Model], words: Collection[str], ids: Iterable[int] = ()) -> Q | None:
    """What all rows meet that have all these words, and those with one of `ids`; None where that may be very many."""
    if not words or any("\n" in word for word in words):
        return None
    searched = SEARCHED[model]
    # Numbers are rare, as a rule, and what is long, which is also found by longer steps.
    ordered = sorted((_end(word) for word in words), key=lambda word: (any(map(str.isdigit, word)), len(word)))[::-1]
    has_words = " AND ".join(f"strpos(texts, {searched.word}) > 0" for _ in ordered)
    sql = _FIND.format(kept=searched.kept._meta.db_table, has_words=has_words)
    with db.cursor() as cursor:
        cursor.execute(sql, [model._meta.db_table, *ordered, MOST_BLOCK_COUNT + 1])
        blocks = [block for (block,) in cursor.fetchall()]
    if len(blocks) > MOST_BLOCK_COUNT:
        return None
    blocks += [pk // BLOCK_ROWS for pk in ids]
    return Q(pk__in=RawSQL(_IDS, [sorted(set(blocks))]))


def _end(word: str) -> str:
    """What has a word has its end, too, and of an id only that is kept."""
    return word.rsplit("/", 1)[-1]


def renew() -> None:
    """Renew the blocks that changed; called every minute."""
    for _ in range(MOST_PORTIONS_COUNT):
        if not _renew_portion():
            return


def _renew_portion() -> bool:
    """Whether there may be more."""
    with transaction.atomic(), db.cursor() as cursor:
        # Of two who renew the same block, the one who read it first could be the last to write it.
        if not try_acquire_until_commit(Lock.SEARCHED_TEXTS):
            return False
        cursor.execute(_FORGET, [PORTION_COUNT])
        forgotten = cursor.fetchall()
        changed: dict[str, set[int]] = defaultdict(set)
        for table, block in forgotten:
            changed[table].add(block)
        # Read after that: what is noted from now on is noted for the next portion.
        for table, blocks in changed.items():
            _renew_blocks(table, sorted(blocks))
    return len(forgotten) == PORTION_COUNT


def _renew_blocks(table: str, blocks: list[int]) -> None:
    kept = BY_TABLE[table].kept
    with db.cursor() as cursor:
        cursor.execute(_RENEW.format(kept=kept._meta.db_table, table=table, text=BY_TABLE[table].text), [blocks])
        empty = set(blocks) - {block for (block,) in cursor.fetchall()}
    if empty:
        kept._default_manager.filter(pk__in=empty).delete()
