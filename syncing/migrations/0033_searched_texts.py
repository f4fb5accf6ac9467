"""The texts that people search, sixteen rows in one, and triggers that note which of them are out of date.

Where rows are copied by a session that runs no triggers (a replica), so are the blocks and the notes of them.

Only the blocks are noted here, about 0.5 s for each million rows, during which nothing is written to these tables: the
sweep reads the texts within minutes. Until then searches are as slow as before.
"""

from django.db import migrations, models

FUNCTION = """
CREATE FUNCTION syncing_note_texts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        INSERT INTO syncing_changedtexts ("table", block) VALUES (TG_TABLE_NAME, NEW.id / 16);
    ELSE
        INSERT INTO syncing_changedtexts ("table", block) SELECT DISTINCT TG_TABLE_NAME, id / 16 FROM written;
    END IF;
    RETURN NULL;
END
$$;
"""
# Of updates only those of a text: a read of a catalogue writes every row, and changes few.
OF_TABLE = """
-- A block of long texts stays within its page: elsewhere it would be read much more slowly.
ALTER TABLE {kept} ALTER texts SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160);
CREATE TRIGGER syncing_texts_added AFTER INSERT ON {table} REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION syncing_note_texts();
CREATE TRIGGER syncing_texts_removed AFTER DELETE ON {table} REFERENCING OLD TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION syncing_note_texts();
CREATE TRIGGER syncing_texts_changed AFTER UPDATE OF {columns} ON {table}
    FOR EACH ROW WHEN (({old}) IS DISTINCT FROM ({new})) EXECUTE FUNCTION syncing_note_texts();
INSERT INTO syncing_changedtexts ("table", block) SELECT DISTINCT '{table}', id / 16 FROM {table};
"""
BACK_OF_TABLE = """
DROP TRIGGER syncing_texts_added ON {table};
DROP TRIGGER syncing_texts_removed ON {table};
DROP TRIGGER syncing_texts_changed ON {table};
"""
KEPT = {
    "stores_variant": "syncing_varianttexts",
    "stores_productlink": "syncing_producttexts",
    "syncing_cataloguerunitem": "syncing_runitemtexts",
}
COLUMNS = {
    "stores_variant": ("product_title", "title", "sku", "barcode", "handle"),
    "stores_productlink": ("title", "handle", "source_gid", "destination_gid"),
    "syncing_cataloguerunitem": ("title", "reason", "source_gid", "destination_gid"),
}


def _of_tables(sql: str) -> str:
    return "".join(
        sql.format(
            table=table,
            kept=KEPT[table],
            columns=", ".join(columns),
            old=", ".join(f"OLD.{column}" for column in columns),
            new=", ".join(f"NEW.{column}" for column in columns),
        )
        for table, columns in COLUMNS.items()
    )


class Migration(migrations.Migration):
    dependencies = [("syncing", "0032_lines_of_runs_in_order"), ("stores", "0035_products_that_departed")]

    operations = [
        migrations.CreateModel(
            name="ChangedTexts",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("table", models.CharField(max_length=40)),
                ("block", models.BigIntegerField()),
            ],
            options={"default_permissions": ()},
        ),
        *(
            migrations.CreateModel(
                name=name,
                fields=[
                    ("block", models.BigIntegerField(primary_key=True, serialize=False)),
                    ("texts", models.TextField()),
                ],
                options={"abstract": False, "default_permissions": ()},
            )
            for name in ("VariantTexts", "ProductTexts", "RunItemTexts")
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION syncing_note_texts()"),
        migrations.RunSQL(_of_tables(OF_TABLE), _of_tables(BACK_OF_TABLE)),
    ]
