"""Workers of earlier releases claim no job: they do not know its kind, or would do it by rules that changed since."""

from django.db import migrations, models

# No error, which those workers would answer by holding on to the job: nothing is updated, as if another worker had been
# faster, and the server's log says why. What ends or waits again forgets by which rules it was claimed.
FORWARD = """
CREATE FUNCTION syncing_let_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'running' THEN
        NEW.rules := 0;
    ELSIF OLD.state <> 'running' AND NEW.rules < 1 THEN
        RAISE WARNING 'tiposync: workers of an earlier release still run, and get no work: stop them';
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER syncing_let_claim BEFORE UPDATE OF state ON syncing_syncjob
    FOR EACH ROW EXECUTE FUNCTION syncing_let_claim();
"""
BACK = "DROP TRIGGER syncing_let_claim ON syncing_syncjob; DROP FUNCTION syncing_let_claim();"


class Migration(migrations.Migration):
    dependencies = [("syncing", "0018_what_agents_operate")]

    operations = [
        migrations.AddField(
            model_name="syncjob",
            name="rules",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="cluster",
            name="rules",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.RunSQL(FORWARD, BACK),
    ]
