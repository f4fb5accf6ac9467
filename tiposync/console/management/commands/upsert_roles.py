"""`manage.py upsert_roles`: the roles' permissions and the history's triggers become those declared in the code."""

from django.core.management.base import BaseCommand

from stores import history, roles


class Command(BaseCommand):
    help = (
        "Gives the groups Viewer, Support agent, Manager and Administrator the permissions declared in the code, and "
        "has the database record changes of the configuration. Groups of your own are left alone. Safe to repeat."
    )

    def handle(self, *args: str, **options: object) -> None:
        roles.upsert()
        count = history.upsert_triggers()
        self.stdout.write(f"{len(roles.declared())} roles, changes of {count} tables are recorded.")
